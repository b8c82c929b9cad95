import type { TranslationBundle } from '@jupyterlab/translation';
import { useState } from 'react';

import { CommandIDs } from '../../commands';
import type { JobSummary } from '../../types';
import { Elapsed, StateIcon } from '../common';
import type { ITabProps } from './JobView';
import { Resubmit } from './Resubmit';

type Action = JobSummary['actions'][number];

/** What the job is, how far it has come, and what can be done with it. */
export function Header(props: ITabProps & { isDeleted: boolean }): JSX.Element {
  const { job, trans, isDeleted } = props;
  const { name, kind, phase, createdAt, startedAt, finishedAt, progress } = job.summary;
  const [isChanging, setChanging] = useState(false);
  return (
    <header className="jp-mltrain-JobHeader">
      <div className="jp-mltrain-JobHeader-line">
        <StateIcon phase={phase} trans={trans} />
        <h2 className="jp-mltrain-JobHeader-name">{name}</h2>
        <span className="jp-mltrain-JobHeader-kind">{kind}</span>
        <Elapsed since={startedAt || createdAt} until={finishedAt} />
      </div>
      {progress && !job.summary.finished && <ProgressBar progress={progress} trans={trans} />}
      {!isDeleted && <Actions {...props} isChanging={isChanging} onChange={() => setChanging(!isChanging)} />}
      {isChanging && <Resubmit {...props} onClose={() => setChanging(false)} />}
    </header>
  );
}

function ProgressBar(props: { progress: NonNullable<JobSummary['progress']>; trans: TranslationBundle }): JSX.Element {
  const { progress, trans } = props;
  const words = trans.__('%1 of %2 cells', progress.done, progress.total);
  return (
    <div className="jp-mltrain-JobHeader-progress">
      <progress max={1} value={progress.fraction} aria-label={trans.__('Progress')} aria-valuetext={words} />
      <span>{`${words} · ${Math.round(progress.fraction * 100)}%`}</span>
      {progress.title && <code>{progress.title}</code>}
    </div>
  );
}

function Actions(props: ITabProps & { isChanging: boolean; onChange: () => void }): JSX.Element {
  const { job, services, trans, isChanging, onChange } = props;
  const { id, actions, notebook } = job.summary;
  const [busy, setBusy] = useState<Action | null>(null);
  const run = async (action: Action): Promise<void> => {
    setBusy(action);
    try {
      await services.commands.execute(CommandIDs[action], { id });
    } finally {
      setBusy(null);
    }
  };
  return (
    <div className="jp-mltrain-JobHeader-actions" role="group" aria-label={trans.__('Actions')}>
      {ORDER.filter(action => actions.includes(action)).map(action => (
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
      ))}
      {actions.includes('resubmit') && (
        <button type="button" className="jp-mltrain-Button" aria-expanded={isChanging} onClick={onChange}>
          {trans.__('Resubmit with Changes…')}
        </button>
      )}
      {isContentsPath(notebook) && (
        <button
          type="button"
          className="jp-mltrain-Button"
          onClick={() => void services.commands.execute('docmanager:open', { path: notebook })}
        >
          {trans.__('Open Notebook')}
        </button>
      )}
    </div>
  );
}

const ORDER: readonly Action[] = ['suspend', 'resume', 'cancel', 'resubmit', 'delete'];

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

/** A job that was submitted elsewhere names its notebook by a path of the file system: nothing to open here. */
function isContentsPath(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !path.startsWith('..');
}
