import { useEffect, type ReactNode } from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';

import { type TrainingError } from '../../request';
import type { IServices } from '../../tokens';
import type { BackendInfo } from '../../types';
import { Empty, ErrorBanner, placeOf } from '../common';
import { useModel } from '../hooks';
import { Code } from '../job/Code';
import { CopyButton } from '../job/CopyButton';
import { TabList } from '../job/TabList';
import { Checks, FindingList } from './Checks';
import type { SubmitModel } from './model';

/** Names of the preview's tabs, in their order. */
export const PREVIEWS = ['checks', 'manifest', 'image', 'dockerfile', 'script'] as const;

/** Name of one of the preview's tabs. */
export type PreviewTab = (typeof PREVIEWS)[number];

/** Writes a text beside the notebook under a name that is free. */
export type SaveBeside = (extension: string, text: string) => Promise<void>;

interface IPreviewProps {
  model: SubmitModel;
  services: IServices;
  trans: TranslationBundle;
  save: SaveBeside;
}

/** What a submission would do, as it stands. */
export function Preview(
  props: IPreviewProps & { tab: PreviewTab; onTab: (tab: PreviewTab) => void; onField: (field: string) => void }
): JSX.Element {
  const { model, services, trans, tab, onTab, onField } = props;
  const { plan, error, isPlanning } = useModel(model);
  const { backends } = useModel(services.manager.places);
  const place = placeOf(backends, model.place);
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
      default:
        return <NoImage place={place} what={name} trans={trans} />;
    }
  };
  return (
    <div className="jp-mltrain-Preview" aria-busy={isPlanning}>
      <TabList
        label={trans.__('Preview')}
        tabs={PREVIEWS.map(name => ({ name, title: titles[name] }))}
        current={tab}
        onSelect={onTab}
        panel={panel}
      />
    </div>
  );
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

/** What the server has no image for, it says so: nothing is made up. */
function NoImage(props: {
  place: BackendInfo | null;
  what: 'image' | 'dockerfile';
  trans: TranslationBundle;
}): JSX.Element {
  const { place, what, trans } = props;
  const title = what === 'image' ? trans.__('No image') : trans.__('No Dockerfile');
  const words =
    place && !place.images
      ? trans.__('%1 needs none: the notebook runs in its kernel’s own environment.', place.title)
      : trans.__('%1 does not tell it before the submission.', place?.title ?? trans.__('The server'));
  return (
    <Empty title={title}>
      <p>{words}</p>
    </Empty>
  );
}

function NothingYet(props: {
  error: TrainingError | null;
  isPlanning: boolean;
  trans: TranslationBundle;
  onRetry: () => void;
}): JSX.Element {
  const { error, isPlanning, trans, onRetry } = props;
  if (error && !isPlanning) {
    return <ErrorBanner error={error} trans={trans} onRetry={onRetry} />;
  }
  return <Empty title={trans.__('Loading…')} />;
}

/** A text that can be copied, downloaded and saved. */
function Document(props: {
  text: string;
  what: string;
  name: string;
  note: string;
  trans: TranslationBundle;
  onSave: () => Promise<void>;
  children: ReactNode;
}): JSX.Element {
  const { text, what, name, note, trans, onSave, children } = props;
  return (
    <div className="jp-mltrain-Document">
      <div className="jp-mltrain-Bar">
        <CopyButton text={text} what={what} trans={trans} />
        <button
          type="button"
          className="jp-mltrain-Button"
          aria-label={trans.__('Download %1', what)}
          onClick={() => download(name, text)}
        >
          {trans.__('Download')}
        </button>
        <button
          type="button"
          className="jp-mltrain-Button"
          aria-label={trans.__('Save %1 beside the notebook', what)}
          onClick={() => void onSave()}
        >
          {trans.__('Save beside notebook')}
        </button>
      </div>
      {note && <p className="jp-mltrain-Document-note">{note}</p>}
      {children}
    </div>
  );
}

/** Let the browser save a text as a file. */
function download(name: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Return the notebook's file name with another ending. */
function fileName(path: string, extension: string): string {
  return path.replace(/^.*\//, '').replace(/\.ipynb$/, '') + extension;
}
