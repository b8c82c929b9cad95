import type { TranslationBundle } from '@jupyterlab/translation';
import { deleteIcon, redoIcon, runIcon, stopIcon, type LabIcon } from '@jupyterlab/ui-components';

import { CommandIDs } from '../../commands';
import { phaseIcons } from '../../icons';
import type { IServices } from '../../tokens';
import type { JobSummary } from '../../types';
import { canOpenNotebook, openNotebook } from '../common/notebook';
import { planBulk, type BulkAction } from './bulk';
import type { MenuEntry } from './menu';
import { raiseMemory } from './raise';

/** What can be done with one job. */
export type Action = JobSummary['actions'][number];

/** In the order in which they are offered. */
const ORDER: readonly Action[] = ['suspend', 'resume', 'cancel', 'resubmit', 'delete'];

export const actionIcons: Readonly<Record<Action, LabIcon>> = {
  suspend: phaseIcons.Suspended,
  resume: runIcon,
  cancel: stopIcon,
  resubmit: redoIcon,
  delete: deleteIcon
};

/** Return an action in the user's language. */
export function actionWord(action: Action, trans: TranslationBundle): string {
  const words: Record<Action, string> = {
    suspend: trans.__('Suspend'),
    resume: trans.__('Resume'),
    cancel: trans.__('Cancel'),
    resubmit: trans.__('Resubmit'),
    delete: trans.__('Delete…')
  };
  return words[action];
}

/** Return what is offered in the row itself: what goes on can be stopped, what has ended can be run again. */
export function quickActions({ actions, finished }: JobSummary): Action[] {
  const wanted: readonly Action[] = finished ? ['resubmit', 'delete'] : ['suspend', 'resume', 'cancel'];
  return ORDER.filter(action => wanted.includes(action) && actions.includes(action));
}

/** Do something with a job; it asks and tells by itself. */
export function act(services: IServices, action: Action, id: string): void {
  void services.commands.execute(CommandIDs[action], { id });
}

/** Open a job's tab, or one of the tabs within. */
export function open(services: IServices, id: string, tab?: string): void {
  void services.commands.execute(CommandIDs.openJob, tab ? { id, tab } : { id });
}

/** Return all that can be done with a job. */
export function jobMenu(services: IServices, job: JobSummary, trans: TranslationBundle): MenuEntry[] {
  const { id, notebook } = job;
  return [
    { label: trans.__('Open'), execute: () => open(services, id) },
    { label: trans.__('Open Log'), execute: () => open(services, id, 'logs') },
    ...(canOpenNotebook(notebook)
      ? [{ label: trans.__('Open Notebook'), execute: () => openNotebook(services, notebook, trans) }]
      : []),
    null,
    ...(job.outOfMemory
      ? [{ label: trans.__('Raise Memory…'), execute: () => raiseMemory(services, job, trans) }]
      : []),
    ...ORDER.filter(action => job.actions.includes(action)).map(action => ({
      label: actionWord(action, trans),
      icon: actionIcons[action],
      execute: () => act(services, action, id)
    }))
  ];
}

/** Return what can be done with several jobs at once. */
export function bulkMenu(
  jobs: readonly JobSummary[],
  start: (action: BulkAction) => void,
  trans: TranslationBundle
): MenuEntry[] {
  const count = (action: BulkAction): number => planBulk(action, jobs).can.length;
  const entry = (action: BulkAction, label: string): MenuEntry => {
    return { label, icon: actionIcons[action], isEnabled: count(action) > 0, execute: () => start(action) };
  };
  return [
    entry('cancel', trans.__('Cancel %1 Jobs…', count('cancel'))),
    entry('delete', trans.__('Delete %1 Jobs…', count('delete')))
  ];
}
