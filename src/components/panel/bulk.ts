import type { TranslationBundle } from '@jupyterlab/translation';

import { TrainingError } from '../../request';
import type { ITrainingManager } from '../../tokens';
import type { JobSummary } from '../../types';
import { errorWords, phaseWord } from '../common';

/** What can be done to many jobs at once. */
export type BulkAction = 'cancel' | 'delete';

/** With which jobs something can be done, and with which not. */
export interface IBulkPlan {
  action: BulkAction;
  can: readonly JobSummary[];
  cannot: readonly JobSummary[];
}

/** A job with which it did not work. */
export interface IFailure {
  job: JobSummary;
  error: TrainingError;
}

/** How many requests are on their way at the same time. */
const AT_ONCE = 4;

/** How many jobs a text names. */
const NAMED = 5;

/** Return with which of the jobs an action can be done. */
export function planBulk(action: BulkAction, jobs: readonly JobSummary[]): IBulkPlan {
  return {
    action,
    can: jobs.filter(job => job.actions.includes(action)),
    cannot: jobs.filter(job => !job.actions.includes(action))
  };
}

/** Do it with all jobs that it can be done with; return those with which it did not work. A job that is gone is done. */
export async function runBulk({ action, can }: IBulkPlan, manager: ITrainingManager): Promise<IFailure[]> {
  const waiting = [...can];
  const failures: IFailure[] = [];
  const work = async (): Promise<void> => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      const error = await failureOf(() => (action === 'delete' ? manager.delete(job.id) : manager.act(job.id, action)));
      if (error?.status === 404) {
        manager.jobs.remove(job.id);
      } else if (error) {
        failures.push({ job, error });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return failures;
}

async function failureOf(act: () => Promise<unknown>): Promise<TrainingError | null> {
  try {
    await act();
    return null;
  } catch (thrown) {
    return TrainingError.from(thrown);
  }
}

/** What is asked before it is done. */
export interface IQuestion {
  title: string;
  lines: readonly string[];
  accept: string;
}

/** Return the question that names how many jobs are meant and which are not. */
export function bulkQuestion(plan: IBulkPlan, trans: TranslationBundle): IQuestion {
  return plan.action === 'delete' ? deleteQuestion(plan, trans) : cancelQuestion(plan, trans);
}

function deleteQuestion({ can, cannot }: IBulkPlan, trans: TranslationBundle): IQuestion {
  const going = can.filter(job => !job.finished);
  return {
    title: trans._n('Delete %1 training job?', 'Delete %1 training jobs?', can.length),
    lines: [
      names(can, trans),
      trans.__('Their logs, metrics and executed notebooks are deleted.'),
      ...(going.length > 0
        ? [
            trans._n(
              '%1 has not ended; it is stopped first.',
              '%1 have not ended; they are stopped first.',
              going.length
            )
          ]
        : []),
      ...(cannot.length > 0 ? [trans.__('Cannot be deleted: %1.', names(cannot, trans))] : [])
    ],
    accept: trans.__('Delete %1', can.length)
  };
}

function cancelQuestion({ can, cannot }: IBulkPlan, trans: TranslationBundle): IQuestion {
  const ended = (job: JobSummary): string => `${job.name} (${phaseWord(job.phase, trans)})`;
  return {
    title: trans._n('Cancel %1 training job?', 'Cancel %1 training jobs?', can.length),
    lines: [
      names(can, trans),
      trans.__('They are stopped for good. What they have written so far is kept.'),
      ...(cannot.length > 0 ? [trans.__('Cannot be cancelled: %1.', names(cannot, trans, ended))] : [])
    ],
    accept: trans.__('Cancel %1', can.length)
  };
}

/** Return what did not work, as an error to show; null: all worked. */
export function bulkError(
  { action, can }: IBulkPlan,
  failures: readonly IFailure[],
  trans: TranslationBundle
): TrainingError | null {
  if (failures.length === 0) {
    return null;
  }
  const done = can.length - failures.length;
  const message =
    action === 'delete'
      ? trans.__('%1 of %2 jobs were deleted.', done, can.length)
      : trans.__('%1 of %2 jobs were cancelled.', done, can.length);
  const causes = failures
    .slice(0, NAMED)
    .map(({ job, error }) => `${job.name}: ${errorWords(error, trans).message}`)
    .join('\n');
  return new TrainingError({ code: 'bulk', message, hint: causes + andMore(failures.length, trans) });
}

function names(
  jobs: readonly JobSummary[],
  trans: TranslationBundle,
  word: (job: JobSummary) => string = job => job.name
): string {
  return jobs.slice(0, NAMED).map(word).join(', ') + andMore(jobs.length, trans);
}

function andMore(count: number, trans: TranslationBundle): string {
  return count > NAMED ? ` ${trans.__('and %1 more', count - NAMED)}` : '';
}
