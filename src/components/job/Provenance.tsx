import type { TranslationBundle } from '@jupyterlab/translation';

import type { Provenance as ProvenanceData } from '../../types';
import { Empty, ErrorBanner } from '../common';
import { Facts, isFilled, Values } from './Facts';
import { isBuilt } from './image';
import type { ITabProps } from './JobView';
import { useLoaded } from './useLoaded';

/** Where the job came from: enough to do it again. */
export function Provenance({ job, services, trans }: ITabProps): JSX.Element {
  const { id } = job.summary;
  const { api } = services.manager;
  const { value, error, retry } = useLoaded(() => api.provenance(id), [api, id]);
  if (error) {
    return <ErrorBanner error={error} trans={trans} onRetry={retry} />;
  }
  return value ? <ProvenanceFacts value={value} trans={trans} /> : <Empty title={trans.__('Loading…')} />;
}

function ProvenanceFacts({ value, trans }: { value: ProvenanceData; trans: TranslationBundle }): JSX.Element {
  const commit = value.dirty ? trans.__('%1, with uncommitted changes', value.commit) : value.commit;
  return (
    <Facts
      facts={[
        [trans.__('Frozen notebook'), <code>{value.program}</code>],
        [trans.__('Notebook'), value.notebook],
        [trans.__('Commit'), value.commit && <code>{commit}</code>],
        [
          trans.__('Image'),
          isBuilt(value.image) ? <code>{value.image}</code> : trans.__('None: the environment that was there')
        ],
        [
          trans.__('Parameters'),
          isFilled(value.parameters) && <Values values={value.parameters} texts={value.texts} />
        ],
        [trans.__('Seeds'), isFilled(value.seeds) && <Values values={value.seeds} texts={value.texts} />],
        [trans.__('Requirements'), value.requirements.length > 0 && <Lines lines={value.requirements} />],
        [trans.__('Data'), isFilled(value.channels) && <Values values={value.channels} />],
        [trans.__('Outputs'), value.outputUri && <code>{value.outputUri}</code>],
        [trans.__('jupyter_mltrain'), value.version]
      ]}
    />
  );
}

function Lines({ lines }: { lines: readonly string[] }): JSX.Element {
  return <pre className="jp-mltrain-Code">{lines.join('\n')}</pre>;
}
