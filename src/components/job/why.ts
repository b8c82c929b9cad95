import type { TranslationBundle } from '@jupyterlab/translation';

import type { JobSummary } from '../../types';

/** Return one sentence on how it stands with a job. The server's own words go first: it knows the cause. */
export function whySentence(job: JobSummary, trans: TranslationBundle): string {
  if (job.why) {
    return job.why;
  }
  switch (job.phase) {
    case 'Queued':
      return queued(job.queuePosition, trans);
    case 'Created':
      return trans.__('The job is there; its replicas are starting.');
    case 'Running':
      return running(job, trans);
    case 'Restarting':
      return trans.__('A replica ended and is being started again.');
    case 'Suspended':
      return trans.__('The job is suspended. Resume starts its replicas anew.');
    case 'Succeeded':
      return trans.__('The job has run to its end.');
    case 'Cancelled':
      return trans.__('The job was cancelled. Resubmit runs it again.');
    default:
      return trans.__('The job failed. Its conditions and logs say more.');
  }
}

function queued(position: number | null, trans: TranslationBundle): string {
  if (position === null) {
    return trans.__('The job waits for its turn.');
  }
  return position === 1 ? trans.__('The job is next in the queue.') : trans.__('Number %1 in the queue.', position);
}

function running({ progress }: JobSummary, trans: TranslationBundle): string {
  if (!progress || progress.running === null) {
    return trans.__('The job is running.');
  }
  return trans.__('Running code cell %1 of %2.', Math.min(progress.done + 1, progress.total), progress.total);
}
