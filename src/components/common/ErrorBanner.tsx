import type { TranslationBundle } from '@jupyterlab/translation';

import type { TrainingError } from '../../request';
import { errorWords } from './words';

/** What went wrong and what to do about it. `onRetry` and `onClose` give it a button each. */
export function ErrorBanner(props: {
  error: TrainingError | null;
  trans: TranslationBundle;
  onRetry?: () => void;
  onClose?: () => void;
}): JSX.Element | null {
  const { error, trans, onRetry, onClose } = props;
  if (!error) {
    return null;
  }
  const { message, hint } = errorWords(error, trans);
  return (
    <div className="jp-mltrain-ErrorBanner" role="alert">
      <div className="jp-mltrain-ErrorBanner-text">
        <p>{message}</p>
        {hint && <p className="jp-mltrain-ErrorBanner-hint">{hint}</p>}
      </div>
      {onRetry && (
        <button type="button" className="jp-mltrain-Button" onClick={onRetry}>
          {trans.__('Retry')}
        </button>
      )}
      {onClose && (
        <button type="button" className="jp-mltrain-Button" onClick={onClose}>
          {trans.__('Dismiss')}
        </button>
      )}
    </div>
  );
}
