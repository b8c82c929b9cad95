import { useEffect, useRef, type RefObject } from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IServices } from '../../tokens';
import { placeOf } from '../common';
import { useModel } from '../hooks';
import { Code } from '../job/Code';
import { TabList } from '../job/TabList';
import { Checks, FindingList } from './Checks';
import { DockerfileTab } from './DockerfileTab';
import { Document, fileName, NothingYet, type SaveBeside } from './Document';
import { ImageTab } from './ImageTab';
import { PREVIEWS, type PreviewTab, type SubmitModel } from './model';

/** What the preview's tabs are made of. */
export interface IPreviewProps {
  model: SubmitModel;
  services: IServices;
  trans: TranslationBundle;
  save: SaveBeside;
}

/** What a submission would do, as it stands. */
export function Preview(props: IPreviewProps & { onField: (field: string) => void }): JSX.Element {
  const { model, services, trans, onField } = props;
  const { plan, error, isPlanning, preview: tab } = useModel(model);
  const { backends } = useModel(services.manager.places);
  const place = placeOf(backends, model.place);
  const node = useRef<HTMLDivElement>(null);
  useInSight(node, tab);
  const grave = plan?.findings.filter(({ severity }) => severity !== 'info').length ?? 0;
  const titles: Record<PreviewTab, string> = {
    checks: grave > 0 && !error ? trans.__('Checks (%1)', grave) : trans.__('Checks'),
    manifest: trans.__('Manifest'),
    image: trans.__('Image'),
    dockerfile: trans.__('Dockerfile'),
    script: trans.__('Script')
  };
  const panel = (name: PreviewTab): JSX.Element => {
    switch (name) {
      case 'checks':
        return <Checks model={model} trans={trans} onField={onField} />;
      case 'manifest':
        return <ManifestPreview {...props} />;
      case 'script':
        return <ScriptPreview {...props} isShown={tab === name} />;
      case 'image':
        return <ImageTab {...props} place={place} isShown={tab === name} />;
      case 'dockerfile':
        return <DockerfileTab {...props} isShown={tab === name} />;
    }
  };
  return (
    <div ref={node} className="jp-mltrain-Preview" aria-busy={isPlanning}>
      <TabList
        label={trans.__('Preview')}
        tabs={PREVIEWS.map(name => ({ name, title: titles[name] }))}
        current={tab}
        onSelect={name => model.showPreview(name)}
        panel={panel}
      />
    </div>
  );
}

/** Bring the preview into sight when another of its tabs is shown: where it is below the form, it may be out of it. */
function useInSight(node: RefObject<HTMLElement>, tab: PreviewTab): void {
  const shown = useRef<PreviewTab>('checks');
  useEffect(() => {
    const form = node.current?.closest('form');
    if (form && tab !== shown.current) {
      form.scrollTop += node.current!.getBoundingClientRect().top - form.getBoundingClientRect().top;
    }
    shown.current = tab;
  }, [node, tab]);
}

function ManifestPreview({ model, services, trans, save }: IPreviewProps): JSX.Element {
  const { plan, error, isPlanning, path } = model;
  if (!plan) {
    return <NothingYet error={error} isPlanning={isPlanning} trans={trans} onRetry={() => void model.replan()} />;
  }
  return (
    <Document
      text={plan.yaml}
      what={trans.__('manifest')}
      name={fileName(path, '.yaml')}
      trans={trans}
      onSave={() => save('.yaml', plan.yaml)}
      note={error && !isPlanning ? trans.__('As it was before the last change, which needs attention.') : ''}
    >
      <Code source={plan.yaml} language="yaml" rendermime={services.rendermime} />
    </Document>
  );
}

function ScriptPreview({ model, services, trans, save, isShown }: IPreviewProps & { isShown: boolean }): JSX.Element {
  const { script, isPlanning, path } = model;
  useEffect(() => {
    if (isShown && !isPlanning) {
      void model.loadScript();
    }
  });
  if (!script || script.error) {
    const retry = (): void => void model.replan();
    return <NothingYet error={script?.error ?? null} isPlanning={!script} trans={trans} onRetry={retry} />;
  }
  return (
    <Document
      text={script.text}
      what={trans.__('script')}
      name={fileName(path, '.py')}
      trans={trans}
      onSave={() => save('.py', script.text)}
      note=""
    >
      <FindingList findings={script.findings} trans={trans} />
      <Code source={script.text} language="python" rendermime={services.rendermime} />
    </Document>
  );
}
