import type { TranslationBundle } from '@jupyterlab/translation';

import type { Inventory, JobSummary, Progress } from '../../types';
import { bytes, gpusOf, measured, phaseWord } from '../common';

/** What stands between facts in a line. */
const DOT = ' · ';

/** Return how many replicas of each role are there: `Worker 2/2 · PS 1/1`. */
export function replicaWords({ roles }: JobSummary): string {
  return Object.entries(roles)
    .sort(([one], [other]) => placeOf(one) - placeOf(other))
    .map(([role, { active, succeeded, total }]) => `${role} ${active + succeeded}/${total}`)
    .join(DOT);
}

/** Roles in the order of their weight; others come last. */
const ROLES = ['Master', 'Chief', 'Worker', 'PS', 'Evaluator'];

function placeOf(role: string): number {
  return (ROLES.indexOf(role) + ROLES.length + 1) % (ROLES.length + 1);
}

/** Return name and newest value of the metric that says most: `loss`, `0.0092`; null: there is none. */
export function metricWords({ metrics }: JobSummary): readonly [name: string, value: string] | null {
  const name = ['loss', 'val_loss'].find(known => known in metrics) ?? Object.keys(metrics)[0];
  return name === undefined ? null : [name, measured(metrics[name], 3)];
}

/** Return which cell runs, or how many have ended: `cell 7/12`. */
export function cellWords({ done, total, running }: Progress, trans: TranslationBundle): string {
  return trans.__('cell %1/%2', running === null ? done : Math.min(done + 1, total), total);
}

/** Return what a row's tooltip says: names are cut, and those of notebooks in other scripts are not in the job's. */
export function nameTitle({ name, notebook }: JobSummary): string {
  return [name, notebook].filter(Boolean).join('\n');
}

/** Return what a screen reader says of a row. */
export function rowWords({ name, kind, phase, why }: JobSummary, trans: TranslationBundle): string {
  return [name, kind, phaseWord(phase, trans), phase === 'Failed' ? why : ''].filter(Boolean).join(', ');
}

/** Return the day on which something was: `yesterday`, `Jan 3`, `Jan 3, 2025`; `''` for today. */
export function dayWords(iso: string, now: Date, trans: TranslationBundle): string {
  const then = new Date(iso);
  const days = Math.round((midnight(now) - midnight(then)) / 86_400_000);
  if (days < 1) {
    return '';
  }
  if (days === 1) {
    return trans.__('yesterday');
  }
  const year = then.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return then.toLocaleDateString(undefined, { month: 'short', day: 'numeric', year });
}

function midnight(time: Date): number {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();
}

/** Return what a place has, and what of it is free: `GPU H200 1/1 free`, `16 CPU` ... */
export function inventoryWords(inventory: Inventory, trans: TranslationBundle): string[] {
  const { cpus, memory, slots, slotsFree } = inventory;
  const gpus = gpusOf(inventory).map(({ product, free, total }) => trans.__('GPU %1 %2/%3 free', product, free, total));
  return [
    ...(gpus.length > 0 ? gpus : [trans.__('No GPU')]),
    cpus === null ? '' : trans.__('%1 CPU', cpus),
    memory === null ? '' : trans.__('%1 memory', bytes(memory)),
    slots === null ? '' : trans.__('%1/%2 slots free', slotsFree ?? slots, slots)
  ].filter(Boolean);
}
