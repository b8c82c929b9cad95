import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';

import { CommandIDs } from '../commands';
import { clock } from '../components/common/words';
import type { IPreferences } from '../preferences';
import type { ITrainingManager } from '../tokens';
import type { JobSummary } from '../types';
import type { Claim } from './claim';
import { askForDesktop, isDesktopAllowed, tellDesktop } from './desktop';
import type { IPhaseChange, JobsModel } from './jobs';
import type { IAction, ISubmitting } from './manager';

/** What notices are made of. */
export interface INoticeOptions {
  manager: ITrainingManager;
  commands: CommandRegistry;
  trans: TranslationBundle;
  /** Read before each notice. */
  preferences: () => IPreferences;
  /** Asked before an ending is told: of all pages that know of it, one tells. */
  claim: Claim;
}

/** How long a notice of success stays, in milliseconds; one of failure stays until it is read. */
const SHORT = 8000;

/** How long the reason of a failure may take, in milliseconds: the log, which tells the cell, is read to its end then. */
const REASON = 1000;

/** How long a hidden page leaves it to one that can be seen, in milliseconds. */
const GRACE = 300;

/** Tell of jobs that were submitted, have finished, failed or were cancelled from here, until the answer is disposed. */
export function tellOfJobs(options: INoticeOptions): IDisposable {
  const notices = new Notices(options);
  const { manager } = options;
  manager.submitting.connect(notices.submitting);
  manager.acted.connect(notices.acted);
  manager.jobs.phaseChanged.connect(notices.phaseChanged);
  return new DisposableDelegate(() => {
    manager.submitting.disconnect(notices.submitting);
    manager.acted.disconnect(notices.acted);
    manager.jobs.phaseChanged.disconnect(notices.phaseChanged);
  });
}

/** One notice for each job: what was told of its submission is replaced by what is told of its end. */
class Notices {
  constructor(private readonly _options: INoticeOptions) {}

  submitting = (_: unknown, { name, job }: ISubmitting): void => {
    const { preferences, trans } = this._options;
    const { notices, desktopNotices } = preferences();
    if (desktopNotices) {
      void askForDesktop();
    }
    const pending =
      notices === 'none'
        ? null
        : Notification.emit(trans.__('Submitting %1…', name), 'in-progress', { autoClose: false });
    job.then(
      submitted => this._submitted(submitted, pending),
      // Who submits is told what went wrong where it was asked for.
      () => pending && Notification.dismiss(pending)
    );
  };

  acted = (_: unknown, { job, verb }: IAction): void => {
    const { commands, preferences, trans } = this._options;
    if (verb === 'cancel' && preferences().notices !== 'none') {
      const again = (): unknown => commands.execute(CommandIDs.resubmit, { id: job.id });
      const actions = [{ label: trans.__('Submit Again'), callback: () => void again() }];
      this._show(job, trans.__('%1 was cancelled.', job.name), 'info', actions);
    }
  };

  phaseChanged = (_: unknown, { job }: IPhaseChange): void => {
    if (job.finished) {
      void this._ended(job);
    }
  };

  private _submitted(job: JobSummary, pending: string | null): void {
    const { manager, trans } = this._options;
    this._mine.add(job.id);
    if (pending) {
      this._shown.set(job.id, pending);
      this._show(job, trans.__('%1 was submitted.', job.name), 'info', [this._openJob(job)]);
    }
    // It may have ended before this page knew that it is its own.
    const now = manager.jobs.get(job.id);
    if (now?.finished) {
      void this._ended(now);
    }
  }

  private async _ended(job: JobSummary): Promise<void> {
    const { claim, manager, preferences, trans } = this._options;
    const { notices, desktopNotices } = preferences();
    const isWanted = notices === 'all' || (notices === 'mine' && this._mine.has(job.id));
    if (!isWanted || this._ending(job) === null) {
      return;
    }
    if (job.phase === 'Failed') {
      await nextChange(manager.jobs, job, REASON);
    }
    const desktop = desktopNotices && isDesktopAllowed();
    await beingSeen(desktop);
    const newest = manager.isDisposed ? undefined : manager.jobs.get(job.id);
    const text = newest && this._ending(newest);
    if (!text) {
      return;
    }
    if (await claim(job.id)) {
      this._tellEnding(newest, text);
      if (desktop && document.hidden) {
        tellDesktop(trans.__('Training'), text, job.id, () => this._open(job));
      }
    } else {
      Notification.dismiss(this._shown.get(job.id) ?? '');
    }
  }

  private _ending({ name, phase, why, startedAt, finishedAt }: JobSummary): string | null {
    const { trans } = this._options;
    switch (phase) {
      case 'Succeeded':
        return startedAt && finishedAt
          ? trans.__('%1 has finished after %2.', name, clock((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000))
          : trans.__('%1 has finished.', name);
      case 'Failed':
        return why ? trans.__('%1 failed: %2', name, why) : trans.__('%1 failed.', name);
      default:
        return null; // who cancels a job knows
    }
  }

  private _tellEnding(job: JobSummary, text: string): void {
    const { trans } = this._options;
    if (job.phase === 'Failed') {
      const log = { label: trans.__('Log'), callback: () => this._open(job, 'logs') };
      this._show(job, text, 'error', [log, this._openJob(job)]);
    } else {
      this._show(job, text, 'success', [this._openJob(job)]);
    }
  }

  private _show(
    job: JobSummary,
    message: string,
    type: 'info' | 'success' | 'error',
    actions: Notification.IAction[]
  ): void {
    const autoClose = type === 'error' ? false : SHORT;
    // Not updated: JupyterLab loses an update that comes before it has drawn the notice.
    Notification.dismiss(this._shown.get(job.id) ?? '');
    this._shown.set(job.id, Notification.emit(message, type, { autoClose, actions }));
  }

  private _openJob(job: JobSummary): Notification.IAction {
    return { label: this._options.trans.__('Open Job'), callback: () => this._open(job) };
  }

  private _open({ id, name }: JobSummary, tab?: string): void {
    void this._options.commands.execute(CommandIDs.openJob, { id, name, tab });
  }

  private readonly _mine = new Set<string>();
  private readonly _shown = new Map<string, string>();
}

/** Resolves when the page can be seen; where the desktop tells instead, a moment later at most. */
async function beingSeen(desktop: boolean): Promise<void> {
  if (!document.hidden) {
    return;
  }
  await new Promise<void>(resolve => {
    const onChange = (): void => {
      if (!document.hidden) {
        document.removeEventListener('visibilitychange', onChange);
        resolve();
      }
    };
    document.addEventListener('visibilitychange', onChange);
    if (desktop) {
      window.setTimeout(resolve, GRACE);
    }
  });
}

/** Resolves when there is more to say of a job than was said, or after a time, in milliseconds. */
async function nextChange(jobs: JobsModel, job: JobSummary, within: number): Promise<void> {
  await new Promise<void>(resolve => {
    const finish = (): void => {
      window.clearTimeout(timer);
      jobs.changed.disconnect(look);
      resolve();
    };
    const look = (): void => {
      if (jobs.get(job.id)?.why !== job.why) {
        finish();
      }
    };
    const timer = window.setTimeout(finish, within);
    jobs.changed.connect(look);
    look();
  });
}
