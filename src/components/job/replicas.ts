import type { JobSummary, Replica } from '../../types';

/** Return `Worker 0`. The pods of a batch/v1 Job have no role, and an index only where it is an indexed one. */
export function replicaTitle({ role, index }: Replica, place: number): string {
  return `${role || 'Worker'} ${index >= 0 ? index : place}`;
}

/** Return the replicas by role and index. */
export function byRole(replicas: readonly Replica[]): Replica[] {
  return [...replicas].sort((one, other) => one.role.localeCompare(other.role) || one.index - other.index);
}

/** Return the replica that failed first; the others often fail because it did. */
export function culpritOf(replicas: readonly Replica[]): Replica | undefined {
  return replicas
    .filter(({ phase, exitCode }) => phase === 'Failed' || Boolean(exitCode))
    .sort((one, other) => (one.finishedAt || '~').localeCompare(other.finishedAt || '~'))[0];
}

/** Exit codes of what was ended by a signal: 128 and its number. */
const SIGNALLED = 128;

/** Whether a replica was stopped because the job was done, or was to stop: it did not fail. */
export function wasStopped({ phase, exitCode }: Replica, job: Pick<JobSummary, 'phase'>): boolean {
  const isStopped = job.phase === 'Succeeded' || job.phase === 'Cancelled' || job.phase === 'Suspended';
  return isStopped && phase === 'Failed' && (exitCode ?? 0) > SIGNALLED;
}
