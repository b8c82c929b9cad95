import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';

import type { JobSummary } from '../../types';
import { bulkQuestion, planBulk, type BulkAction, type IBulkPlan } from './bulk';

/** What can be done with the jobs that are selected. */
export function SelectionBar(props: {
  jobs: readonly JobSummary[];
  /** How many jobs the filter lets through; more than are loaded: `onAll` loads and selects them. */
  total: number;
  isBusy: boolean;
  onBulk: (action: BulkAction) => void;
  onAll: (() => void) | null;
  onClose: () => void;
  trans: TranslationBundle;
}): JSX.Element {
  const { jobs, total, isBusy, onBulk, onAll, onClose, trans } = props;
  const button = (action: BulkAction, word: string): JSX.Element => {
    const isDisabled = isBusy || planBulk(action, jobs).can.length === 0;
    return (
      <button
        type="button"
        className="jp-mltrain-Button"
        aria-disabled={isDisabled}
        onClick={() => !isDisabled && onBulk(action)}
      >
        {word}
      </button>
    );
  };
  return (
    <div className="jp-mltrain-SelectionBar" role="toolbar" aria-label={trans.__('Selected jobs')}>
      <span role="status">{trans.__('%1 selected', jobs.length.toLocaleString())}</span>
      {onAll && (
        <button type="button" className="jp-mltrain-Button" aria-disabled={isBusy} onClick={() => !isBusy && onAll()}>
          {trans.__('Select all %1', total.toLocaleString())}
        </button>
      )}
      <span className="jp-mltrain-SelectionBar-buttons">
        {button('cancel', trans.__('Cancel…'))}
        {button('delete', trans.__('Delete…'))}
        <button
          type="button"
          className="jp-mltrain-IconButton"
          title={trans.__('Select none')}
          aria-label={trans.__('Select none')}
          onClick={onClose}
        >
          <closeIcon.react tag="span" aria-hidden="true" width="16px" height="16px" />
        </button>
      </span>
    </div>
  );
}

/** Ask whether it is to be done. */
export async function confirmBulk(plan: IBulkPlan, trans: TranslationBundle): Promise<boolean> {
  const { title, lines, accept } = bulkQuestion(plan, trans);
  const body = (
    <div className="jp-mltrain-Question">
      {lines.map(line => (
        <p key={line}>{line}</p>
      ))}
    </div>
  );
  const answer = await showDialog({
    title,
    body,
    // Not "Cancel": that is what may be asked.
    buttons: [Dialog.cancelButton({ label: trans.__('Keep them') }), Dialog.warnButton({ label: accept })],
    defaultButton: 0
  });
  return answer.button.accept;
}
