import { showErrorMessage } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { errorWords } from './components/common/words';
import { TrainingError } from './request';

/** Do something; what goes wrong is said in a dialog, and the answer is undefined. */
export async function guarded<T>(trans: TranslationBundle, act: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (thrown) {
    const { message, hint } = errorWords(TrainingError.from(thrown), trans);
    await showErrorMessage(trans.__('Training'), [message, hint].filter(Boolean).join('\n\n'));
    return undefined;
  }
}
