import type { ReactNode } from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { TrainingError } from '../../request';
import { Empty, ErrorBanner } from '../common';
import { CopyButton } from '../job/CopyButton';

/** Writes a text beside the notebook under a name that is free. */
export type SaveBeside = (extension: string, text: string) => Promise<void>;

/** Stands where a document will: it is on its way, or could not be made. */
export function NothingYet(props: {
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
export function Document(props: {
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
export function fileName(path: string, extension: string): string {
  return path.replace(/^.*\//, '').replace(/\.ipynb$/, '') + extension;
}
