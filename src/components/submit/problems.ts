import type { TrainingError } from '../../request';
import type { IDraft, Table } from './draft';
import { rowsOf } from './submission';

/** Something that is wrong with a field. */
export interface IProblem {
  /** The field's name in the form; `''`: it belongs to none. */
  field: string;
  message: string;
  hint: string;
}

/** Return what an answer of the server says about fields. */
export function problemsOf(error: TrainingError, draft: IDraft): readonly IProblem[] {
  const all = (error.details.errors as Partial<IProblem>[] | undefined) ?? [
    { field: error.field, message: error.message, hint: error.hint }
  ];
  const prefix = error.code === 'parameter' ? 'parameters.' : '';
  return all.map(({ field = '', message = '', hint = '' }) => ({
    field: field && fieldOf(prefix + field, draft),
    message: sentence(message),
    hint
  }));
}

/** Return the form's name of a field that the server names; `''`: the form has none for it. */
export function fieldOf(path: string, draft: IDraft): string {
  const steps = path.replace(/^spec\.(?:tf|pytorch)ReplicaSpecs\./, 'roles.').split('.');
  const [top, second, ...rest] = steps;
  switch (top) {
    case 'parameters':
    case 'requirements':
      return steps.length > 1 ? path : top;
    case 'metadata':
      return second === 'name' ? 'name' : '';
    case 'roles':
      return roleField(second, rest);
    case 'volumes':
      return cell(draft, top, Number(second), rest[0] ?? 'name');
    case 'channels':
    case 'env':
    case 'secrets': {
      const key = top === 'secrets' ? second : [second, ...rest].join('.');
      const index = rowsOf(draft, top).findIndex(([, row]) => row.name.trim() === key);
      return cell(draft, top, index, top === 'secrets' ? (rest[0] ?? 'name') : 'name');
    }
    default:
      return OWN.includes(path) ? path : '';
  }
}

/** Fields of the form that have the server's own names. */
const OWN: readonly string[] = [
  'backend',
  'framework',
  'include',
  'image',
  'name',
  'namespace',
  'output_uri',
  'run_policy.active_deadline_seconds',
  'run_policy.backoff_limit',
  'run_policy.clean_pod_policy',
  'run_policy.suspend',
  'run_policy.ttl_seconds_after_finished',
  'service_account',
  'strategy'
];

function roleField(role: string | undefined, rest: readonly string[]): string {
  if (!role) {
    return 'framework';
  }
  const within = rest.join('.');
  if (within === 'resources.gpu') {
    return `roles.${role}.resources.gpu.product`;
  }
  const known = ['restart_policy', 'resources.cpu', 'resources.memory', 'resources.gpu.product', 'resources.gpu.count'];
  return `roles.${role}.${known.includes(within) ? within : 'replicas'}`;
}

/** Return the name of a table's cell; `index` counts the rows that are not empty. */
function cell(draft: IDraft, table: Table, index: number, column: string): string {
  const row = rowsOf(draft, table)[index];
  if (!row) {
    return '';
  }
  const own = table !== 'volumes' || ['name', 'mount_path', 'read_only', 'access_mode'].includes(column);
  return `${table}.${row[0]}.${own ? column : 'place'}`;
}

/** What pydantic says begins small or without a stop; here it stands alone. */
function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
