import type { IJobFilter } from '../../services/api';
import type { JobSummary, Phase } from '../../types';

/** What the panel's filter is set to; `''` lets all through. */
export interface IFilters {
  /** Name of a backend. */
  where: string;
  /** A phase, or one of the groups of phases. */
  state: string;
  kind: string;
  notebook: string;
  text: string;
}

export const NO_FILTERS: IFilters = { where: '', state: '', kind: '', notebook: '', text: '' };

/** Phases of jobs that go on, in the order of a job's life. */
export const ACTIVE: readonly Phase[] = ['Queued', 'Created', 'Running', 'Restarting', 'Suspended'];

/** Phases of jobs that have ended. */
export const ENDED: readonly Phase[] = ['Succeeded', 'Failed', 'Cancelled'];

/** Groups of phases that can be chosen like one. */
const GROUPS: Readonly<Record<string, readonly Phase[]>> = { active: ACTIVE, ended: ENDED };

/** Return the phases that a choice stands for; `[]`: all. */
function phasesOf(state: string): readonly string[] {
  return GROUPS[state] ?? (state ? [state] : []);
}

/** Return the filter as the server takes it. */
export function jobFilter({ where, state, kind, notebook, text }: IFilters): IJobFilter {
  return { backend: where, phases: phasesOf(state), kind, notebook, text: text.trim() };
}

/** Whether a filter keeps any jobs back: then an empty list does not mean that there are none. */
export function isNarrowed({ backend, phases, kind, notebook, text }: IJobFilter): boolean {
  return [backend, phases?.length, kind, notebook, text].some(Boolean);
}

/** Whether two filters ask for the same jobs. */
export function isSameFilter(one: IJobFilter, other: IJobFilter): boolean {
  return normal(one) === normal(other);
}

function normal({ backend = '', phases = [], kind = '', notebook = '', text = '' }: IJobFilter): string {
  return JSON.stringify([backend, phases, kind, notebook, text]);
}

/** Return how many jobs are in a choice of phases. */
export function countOf(state: string, counts: Readonly<Record<string, number>>): number {
  const phases = phasesOf(state);
  return Object.entries(counts)
    .filter(([phase]) => phases.length === 0 || phases.includes(phase))
    .reduce((sum, [, count]) => sum + count, 0);
}

/** Return the notebooks of jobs by path, sorted, with the one that is chosen. */
export function notebooksOf(rows: readonly JobSummary[], chosen: string): string[] {
  const paths = new Set(rows.map(row => row.notebook).filter(Boolean));
  return [...(chosen ? paths.add(chosen) : paths)].sort((one, other) => one.localeCompare(other));
}
