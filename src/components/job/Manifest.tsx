import { Empty, ErrorBanner } from '../common';
import { Code } from './Code';
import { CopyButton } from './CopyButton';
import type { ITabProps } from './JobView';
import { useLoaded } from './useLoaded';

/** The manifest as YAML: what `kubectl apply` takes. */
export function Manifest({ job, services, trans }: ITabProps): JSX.Element {
  const { id } = job.summary;
  const { api } = services.manager;
  const { value, error, retry } = useLoaded(() => api.manifest(id), [api, id]);
  if (error) {
    return <ErrorBanner error={error} trans={trans} onRetry={retry} />;
  }
  if (!value) {
    return <Empty title={trans.__('Loading…')} />;
  }
  return (
    <div className="jp-mltrain-Manifest">
      <div className="jp-mltrain-Bar">
        <CopyButton text={value.yaml} what={trans.__('manifest')} trans={trans} />
      </div>
      <Code source={value.yaml} language="yaml" rendermime={services.rendermime} />
    </div>
  );
}
