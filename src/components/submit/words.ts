import type { TranslationBundle } from '@jupyterlab/translation';

import type { BackendInfo, Finding, Inventory } from '../../types';
import { bytes, gpusOf, type IGpus } from '../common';
import type { IDraft } from './draft';
import { countsOf } from './draft';
import type { Framework } from './roles';
import type { Fault } from './submission';
import { rowsOf } from './submission';

/** Return what is wrong with a field. */
export function faultWords(fault: Fault, trans: TranslationBundle): string {
  const words: Record<Fault, string> = {
    number: trans.__('Give a whole number.'),
    duration: trans.__('Give a time such as 90 s, 30 m, 2 h or 1 d.'),
    name: trans.__('Give it a name.'),
    twice: trans.__('This name is there twice.')
  };
  return words[fault];
}

/** Return a framework's name, and the kind of job that it makes. */
export function frameworkWords(framework: Framework, trans: TranslationBundle): string {
  const words: Record<Framework, string> = {
    tensorflow: trans.__('TensorFlow (TFJob)'),
    pytorch: trans.__('PyTorch (PyTorchJob)'),
    none: trans.__('Other (Job)')
  };
  return words[framework];
}

/** Return what a role is for. */
export function roleWords(role: string, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    Chief: trans.__('coordinates, and saves the model'),
    Master: trans.__('trains as rank 0'),
    Worker: trans.__('trains'),
    PS: trans.__('keeps the variables'),
    Evaluator: trans.__('evaluates checkpoints')
  };
  return words[role] ?? '';
}

/** Return a strategy's name in TensorFlow. */
export function strategyWords(strategy: string, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    mirrored: 'MirroredStrategy',
    multi_worker_mirrored: 'MultiWorkerMirroredStrategy',
    parameter_server: 'ParameterServerStrategy',
    central_storage: 'CentralStorageStrategy',
    none: trans.__('None')
  };
  return words[strategy] ?? strategy;
}

/** Return how many of a product are free: `3 of 4 free`. */
export function freeWords({ free, total }: IGpus, trans: TranslationBundle): string {
  return trans.__('%1 of %2 free', free, total);
}

/** Return why no GPU can be chosen; `''`: one can. */
export function whyNoGpu(place: BackendInfo | null, inventory: Inventory | null, trans: TranslationBundle): string {
  if (gpusOf(inventory).length > 0) {
    return '';
  }
  if (!inventory) {
    return place && !place.available ? place.why : trans.__('What is free here is not known yet.');
  }
  return inventory.note || trans.__('There is no GPU here.');
}

/** Return what a place has, in one line. */
export function inventoryWords(inventory: Inventory, trans: TranslationBundle): string {
  const { cpus, memory, slots, slotsFree } = inventory;
  const gpus = gpusOf(inventory).map(gpu => `${gpu.product}: ${freeWords(gpu, trans)}`);
  return [
    ...gpus,
    cpus !== null && trans._n('%1 CPU', '%1 CPUs', cpus),
    memory !== null && bytes(memory),
    slots !== null && slotsFree !== null && trans.__('%1 of %2 job slots free', slotsFree, slots)
  ]
    .filter(Boolean)
    .join(' · ');
}

/** Return the job's replicas in one line: `1 Chief · 2 Workers · NVIDIA-H200`. */
export function rolesWords(draft: IDraft, framework: Framework): string {
  return [...countsOf(draft, framework)]
    .map(([role, count]) => {
      const product = draft.fields[`roles.${role}.resources.gpu.product`];
      const gpu = product ? ` (${product === '*' ? 'GPU' : product})` : '';
      return `${count} ${role}${gpu}`;
    })
    .join(' · ');
}

/** Return what is set of the run policy, in one line. */
export function policyWords(draft: IDraft, trans: TranslationBundle): string {
  const { fields } = draft;
  const policies = Object.entries(fields).filter(([path, text]) => path.endsWith('.restart_policy') && text);
  const said = (name: string): string => fields[`run_policy.${name}`]?.trim() ?? '';
  const parts = [
    said('active_deadline_seconds') && trans.__('time limit %1', said('active_deadline_seconds')),
    said('backoff_limit') && trans.__('retries %1', said('backoff_limit')),
    said('clean_pod_policy') && trans.__('clean-up %1', said('clean_pod_policy')),
    said('ttl_seconds_after_finished') && trans.__('deleted after %1', said('ttl_seconds_after_finished')),
    said('suspend') === 'true' && trans.__('suspended at first'),
    ...policies.map(([path, text]) => `${path.split('.')[1]} ${text}`)
  ];
  return parts.filter(Boolean).join(' · ') || trans.__('Defaults');
}

/** Return what is set of data and secrets, in one line. */
export function dataWords(draft: IDraft, trans: TranslationBundle): string {
  const count = (table: 'channels' | 'include' | 'volumes' | 'env' | 'secrets'): number => rowsOf(draft, table).length;
  const parts = [
    count('channels') && trans._n('%1 input', '%1 inputs', count('channels')),
    count('include') && trans._n('%1 pattern of files', '%1 patterns of files', count('include')),
    draft.fields.output_uri?.trim() && trans.__('outputs to %1', draft.fields.output_uri.trim()),
    count('volumes') && trans._n('%1 volume', '%1 volumes', count('volumes')),
    count('env') && trans._n('%1 variable', '%1 variables', count('env')),
    count('secrets') && trans._n('%1 secret', '%1 secrets', count('secrets'))
  ];
  return parts.filter(Boolean).join(' · ') || trans.__('Nothing set');
}

/** Return a severity in the user's language. */
export function severityWord(severity: Finding['severity'], trans: TranslationBundle): string {
  const words: Record<Finding['severity'], string> = {
    error: trans.__('Would fail'),
    warning: trans.__('Warning'),
    info: trans.__('Note')
  };
  return words[severity];
}

/** Return where in the notebook a finding is, as people count; `''`: it is not about a place in it. */
export function whereWords({ where }: Finding, trans: TranslationBundle): string {
  const line = typeof where.line === 'number' ? trans.__('line %1', where.line) : '';
  const cell = typeof where.cell === 'number' ? trans.__('cell %1', where.cell + 1) : '';
  const file = typeof where.file === 'string' ? where.file : '';
  return [file || cell, line].filter(Boolean).join(', ');
}
