import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';

import { CommandIDs } from '../commands';
import type { ITrainingManager } from '../tokens';
import type { JobSummary } from '../types';
import type { IPhaseChange } from './jobs';

/** Whose endings are told: those of all jobs, of those submitted from this tab, or none. */
export type Audience = 'all' | 'mine' | 'none';

/** What a user wants to be told, and how. */
export interface INoticeSettings {
  notices: Audience;
  /** Also by the desktop, while the page is hidden. */
  desktop: boolean;
}

/** What notices are made of. */
export interface INoticeOptions {
  manager: ITrainingManager;
  commands: CommandRegistry;
  trans: TranslationBundle;
  /** Read before each notice. */
  settings: () => INoticeSettings;
}

/** How long a notice of success stays, in milliseconds; one of failure stays until it is read. */
const SHORT = 8000;

/** Tell of jobs that were submitted, have finished or failed, until the answer is disposed. */
export function tellOfJobs(options: INoticeOptions): IDisposable {
  const notices = new Notices(options);
  const { manager } = options;
  manager.submitted.connect(notices.submitted);
  manager.jobs.phaseChanged.connect(notices.phaseChanged);
  return new DisposableDelegate(() => {
    manager.submitted.disconnect(notices.submitted);
    manager.jobs.phaseChanged.disconnect(notices.phaseChanged);
  });
}

/** One notice for each job: what was told of its submission is replaced by what is told of its end. */
class Notices {
  constructor(private readonly _options: INoticeOptions) {}

  submitted = (_: unknown, job: JobSummary): void => {
    const { trans, settings } = this._options;
    this._mine.add(job.id);
    if (settings().notices !== 'none') {
      this._show(job, trans.__('%1 was submitted.', job.name), 'info', SHORT);
    }
  };

  phaseChanged = (_: unknown, { job }: IPhaseChange): void => {
    const { notices, desktop } = this._options.settings();
    const isWanted = notices === 'all' || (notices === 'mine' && this._mine.has(job.id));
    const text = this._ending(job);
    if (!job.finished || !isWanted || text === null) {
      return;
    }
    const failed = job.phase === 'Failed';
    this._show(job, text, failed ? 'error' : 'success', failed ? false : SHORT);
    if (desktop) {
      tellDesktop(text, () => this._open(job));
    }
  };

  private _ending({ name, phase, why }: JobSummary): string | null {
    const { trans } = this._options;
    switch (phase) {
      case 'Succeeded':
        return trans.__('%1 has finished.', name);
      case 'Failed':
        return why ? trans.__('%1 failed: %2', name, why) : trans.__('%1 failed.', name);
      default:
        return null; // who cancels a job knows
    }
  }

  private _show(job: JobSummary, message: string, type: 'info' | 'success' | 'error', autoClose: number | false): void {
    const { trans } = this._options;
    const actions = [{ label: trans.__('Open'), callback: () => this._open(job) }];
    const shown = this._shown.get(job.id);
    if (shown && Notification.update({ id: shown, message, type, autoClose, actions })) {
      return;
    }
    this._shown.set(job.id, Notification.emit(message, type, { autoClose, actions }));
  }

  private _open(job: JobSummary): void {
    void this._options.commands.execute(CommandIDs.openJob, { id: job.id });
  }

  private readonly _mine = new Set<string>();
  private readonly _shown = new Map<string, string>();
}

/** Show a notice on the desktop if the page is hidden and the browser allows it. */
function tellDesktop(text: string, onClick: () => void): void {
  if (!document.hidden || !('Notification' in window) || window.Notification.permission !== 'granted') {
    return;
  }
  const notice = new window.Notification('JupyterLab', { body: text });
  notice.onclick = () => {
    window.focus();
    onClick();
  };
}
