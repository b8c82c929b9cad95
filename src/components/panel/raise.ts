import { InputDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { guarded } from '../../dialogs';
import type { IServices } from '../../tokens';
import type { JobSummary, Manifest } from '../../types';

/** What is offered where a job had no limit of its own. */
const NO_LIMIT = '4Gi';

/** Return the memory that each replica was given, as Kubernetes writes it; `''`: there was no limit. */
export function memoryLimit({ manifest }: Pick<Manifest, 'manifest'>): string {
  const limits = findAll(manifest, 'limits').map(limit => (limit as { memory?: unknown } | null)?.memory);
  return limits.find(limit => typeof limit === 'string') ?? '';
}

/** Return twice a quantity: `2Gi` -> `4Gi`; something usual, if it is none. */
export function twice(quantity: string): string {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(quantity) ?? [];
  return number === undefined ? NO_LIMIT : `${Number(number) * 2}${unit}`;
}

/** Ask how much memory a job is to get, and run it again with that. */
export function raiseMemory(services: IServices, job: JobSummary, trans: TranslationBundle): Promise<void> {
  const { manager } = services;
  return guarded(trans, async () => {
    const limit = memoryLimit(await manager.api.manifest(job.id));
    const answer = await InputDialog.getText({
      title: trans.__('Run %1 again with more memory', job.name),
      label: limit ? trans.__('Memory of each replica (it was %1)', limit) : trans.__('Memory of each replica'),
      text: twice(limit),
      okLabel: trans.__('Resubmit')
    });
    if (answer.button.accept && answer.value?.trim()) {
      await manager.resubmit(job.id, { resources: { memory: answer.value.trim() } });
    }
  });
}

/** Return each value that has this name, however deep. */
function findAll(tree: unknown, name: string): unknown[] {
  if (typeof tree !== 'object' || tree === null) {
    return [];
  }
  return Object.entries(tree as Record<string, unknown>).flatMap(([key, value]) =>
    key === name ? [value] : findAll(value, name)
  );
}
