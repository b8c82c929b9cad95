import { useState, type ReactNode } from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';

import { TrainingError } from '../../request';
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
  /** Return what is downloaded under the name, null: the user wants to stop; left out: the text. */
  content?: () => Promise<Blob | null>;
  onSave: () => Promise<void>;
  /** It is downloaded and saved in spite of what was found: the buttons say so. */
  isForced?: boolean;
  children: ReactNode;
}): JSX.Element {
  const { text, what, name, note, trans, content, onSave, isForced = false, children } = props;
  const { busy, error, start, forget } = useWork();
  const onDownload = async (): Promise<void> => {
    const found = content ? await content() : new Blob([text], { type: 'text/plain' });
    if (found) {
      download(name, found);
    }
  };
  const words = isForced
    ? {
        download: trans.__('Download anyway'),
        downloadWhat: trans.__('Download %1 anyway', what),
        save: trans.__('Save beside notebook anyway'),
        saveWhat: trans.__('Save %1 beside the notebook anyway', what)
      }
    : {
        download: trans.__('Download'),
        downloadWhat: trans.__('Download %1', what),
        save: trans.__('Save beside notebook'),
        saveWhat: trans.__('Save %1 beside the notebook', what)
      };
  return (
    <div className="jp-mltrain-Document">
      <div className="jp-mltrain-Bar">
        <CopyButton text={text} what={what} trans={trans} />
        <button
          type="button"
          className="jp-mltrain-Button"
          aria-label={words.downloadWhat}
          aria-disabled={busy !== '' || undefined}
          onClick={() => start('download', onDownload)}
        >
          {busy === 'download' ? trans.__('Packing…') : words.download}
        </button>
        <button
          type="button"
          className="jp-mltrain-Button"
          aria-label={words.saveWhat}
          aria-disabled={busy !== '' || undefined}
          onClick={() => start('save', onSave)}
        >
          {busy === 'save' ? trans.__('Saving…') : words.save}
        </button>
      </div>
      <ErrorBanner error={error} trans={trans} onClose={forget} />
      {note && <p className="jp-mltrain-Document-note">{note}</p>}
      {children}
    </div>
  );
}

/** One thing at a time that takes a while and may fail: what is done now, `''`: nothing, and why the last one failed. */
function useWork(): {
  busy: string;
  error: TrainingError | null;
  start: (name: string, work: () => Promise<void>) => void;
  forget: () => void;
} {
  const [busy, setBusy] = useState('');
  const [error, setError] = useState<TrainingError | null>(null);
  const run = async (name: string, work: () => Promise<void>): Promise<void> => {
    setBusy(name);
    setError(null);
    try {
      await work();
    } catch (thrown) {
      setError(TrainingError.from(thrown));
    } finally {
      setBusy('');
    }
  };
  const start = (name: string, work: () => Promise<void>): void => void (busy || run(name, work));
  return { busy, error, start, forget: () => setError(null) };
}

/** Let the browser save something as a file. */
function download(name: string, content: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Return the notebook's file name with another ending. */
export function fileName(path: string, extension: string): string {
  return path.replace(/^.*\//, '').replace(/\.ipynb$/, '') + extension;
}
