import type { Replica } from '../../types';

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
