import { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import { guarded } from '../../dialogs';
import { TrainingError } from '../../request';
import type { IServices } from '../../tokens';

/** Whether a job's notebook can be opened here: one that was submitted elsewhere has a path of the file system. */
export function canOpenNotebook(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !path.startsWith('..');
}

/** Open a job's notebook; that it is there no more is said in a dialog. */
export function openNotebook({ commands }: IServices, path: string, trans: TranslationBundle): Promise<void> {
  return guarded(trans, async () => {
    try {
      await commands.execute('docmanager:open', { path });
    } catch (thrown) {
      throw isMissing(thrown) ? missing(path, trans) : thrown;
    }
  });
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof ServerConnection.ResponseError && thrown.response.status === 404;
}

function missing(path: string, trans: TranslationBundle): TrainingError {
  return new TrainingError({
    code: 'no-notebook',
    message: trans.__('There is no notebook %1 any more: it was renamed, moved or deleted.', path),
    hint: trans.__('The job has a copy of its own: its tab “Notebook” shows it, and Resubmit runs it again.')
  });
}
