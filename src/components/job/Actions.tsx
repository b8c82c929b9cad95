import type { TranslationBundle } from '@jupyterlab/translation';
import { useLayoutEffect, useRef, useState, type RefObject } from 'react';

import { CommandIDs } from '../../commands';
import type { JobSummary } from '../../types';
import { canOpenNotebook, openNotebook } from '../common/notebook';
import type { ITabProps } from './JobView';

type Action = JobSummary['actions'][number];

/** What can be done with the job now. */
export function Actions(
  props: ITabProps & { isChanging: boolean; onChange: () => void; changer: RefObject<HTMLButtonElement> }
): JSX.Element {
  const { job, services, trans, isChanging, onChange, changer } = props;
  const { id, actions, notebook } = job.summary;
  const [busy, setBusy] = useState<Action | null>(null);
  const group = useRef<HTMLDivElement>(null);
  const onPress = useKeptFocus(group, actions);

  const run = async (action: Action): Promise<void> => {
    setBusy(action);
    onPress();
    try {
      await services.commands.execute(CommandIDs[action], { id });
    } finally {
      setBusy(null);
    }
  };
  const button = (action: Action): JSX.Element | false =>
    actions.includes(action) && (
      <button
        key={action}
        type="button"
        className="jp-mltrain-Button"
        // Not `disabled`: the button keeps the focus while the server is asked.
        aria-disabled={busy !== null}
        onClick={() => busy === null && void run(action)}
      >
        {actionTitle(action, trans)}
      </button>
    );
  return (
    <div ref={group} className="jp-mltrain-JobHeader-actions" role="group" aria-label={trans.__('Actions')}>
      {FIRST.map(button)}
      {actions.includes('resubmit') && (
        <button ref={changer} type="button" className="jp-mltrain-Button" aria-expanded={isChanging} onClick={onChange}>
          {trans.__('Resubmit with Changes…')}
        </button>
      )}
      {canOpenNotebook(notebook) && (
        <button
          type="button"
          className="jp-mltrain-Button"
          title={notebook}
          onClick={() => void openNotebook(services, notebook, trans)}
        >
          {trans.__('Open Notebook')}
        </button>
      )}
      {button('delete')}
    </div>
  );
}

const FIRST: readonly Action[] = ['suspend', 'resume', 'cancel', 'resubmit'];

function actionTitle(action: Action, trans: TranslationBundle): string {
  const titles: Record<Action, string> = {
    suspend: trans.__('Suspend'),
    resume: trans.__('Resume'),
    cancel: trans.__('Cancel'),
    resubmit: trans.__('Resubmit'),
    delete: trans.__('Delete…')
  };
  return titles[action];
}

/**
 * Keep the focus in a group whose buttons come and go: who has pressed one that is there no longer goes on at the first.
 * Returns what is to be called when one is pressed.
 */
function useKeptFocus(group: RefObject<HTMLElement>, actions: readonly Action[]): () => void {
  const isPressed = useRef(false);
  const names = actions.join();
  useLayoutEffect(() => {
    const isLost = document.activeElement === document.body || document.activeElement === null;
    if (isPressed.current && isLost) {
      group.current?.querySelector('button')?.focus();
    }
    isPressed.current &&= !isLost;
  }, [group, names]);
  return () => (isPressed.current = true);
}
