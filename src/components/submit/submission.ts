import type { Submission } from '../../types';
import { frameworkOf, type IDraft, type Row, type Table } from './draft';
import { valuesOf, type IParameter } from './parameters';
import { defaultCount, RESTART_POLICIES, ROLES, type Framework } from './roles';
import { parseDuration } from './units';

/** What is wrong with a field before anybody asks the server. */
export type Fault = 'number' | 'duration' | 'name' | 'twice';

/** What a draft is looked at with. */
export interface IContext {
  notebook: string;
  /** null: not known yet. */
  form: readonly IParameter[] | null;
  /** What the imports tell; null: not known yet. */
  detected: Framework | null;
  /** Where jobs go if nobody says where; `''`: the server decides. */
  backend: string;
}

/** A draft as the server takes it, and the fields that had to be left out because they say nothing. */
export interface IReading {
  submission: Submission;
  faults: Readonly<Record<string, Fault>>;
}

type Spec = Record<string, unknown>;
type Reader = (text: string) => unknown;

const text: Reader = value => value;
const flag: Reader = value => value === 'true';
const whole: Reader = value => (/^\d+$/.test(value) ? Number(value) : undefined);
const duration: Reader = value => parseDuration(value) ?? undefined;

/** The fields of the spec that are one value, roles aside: how each is read. */
const FIELDS: Readonly<Record<string, Reader>> = {
  framework: text,
  name: text,
  namespace: text,
  image: text,
  strategy: text,
  output_uri: text,
  service_account: text,
  'run_policy.active_deadline_seconds': duration,
  'run_policy.backoff_limit': whole,
  'run_policy.clean_pod_policy': text,
  'run_policy.ttl_seconds_after_finished': duration,
  'run_policy.suspend': flag
};

/** The fields that a framework's jobs have not. */
const FOREIGN: Readonly<Record<Framework, readonly string[]>> = {
  tensorflow: [],
  pytorch: ['strategy'],
  none: ['strategy', 'run_policy.clean_pod_policy']
};

/** Return what a draft submits: only what was said, and only what the job can have. */
export function toSubmission(draft: IDraft, { notebook, form, detected, backend }: IContext): IReading {
  const faults: Record<string, Fault> = {};
  const { parameters, texts } = valuesOf(form, draft.parameters);
  const include = rowsOf(draft, 'include').map(([, { glob }]) => glob.trim());
  const place = draft.backend || backend;
  const submission: Submission = {
    notebook,
    ...(place && { backend: place }),
    ...filled({ spec: specOf(draft, detected, faults), parameters, texts, requirements: { ...draft.requirements } }),
    ...(include.length > 0 && { include })
  };
  return { submission, faults };
}

/** Return the rows of a table that are not empty, with their indices in the form. */
export function rowsOf(draft: IDraft, table: Table): readonly (readonly [number, Row])[] {
  return draft.tables[table]
    .map((row, index) => [index, row] as const)
    .filter(([, row]) => Object.entries(row).some(([column, value]) => !CHOSEN.includes(column) && value.trim()));
}

/** Columns that always have a value: they make no row. */
const CHOSEN = ['source', 'read_only', 'access_mode'];

function specOf(draft: IDraft, detected: Framework | null, faults: Record<string, Fault>): Spec {
  const framework = frameworkOf(draft, detected);
  const spec: Spec = structuredClone(draft.extra);
  const foreign = framework ? FOREIGN[framework] : [];
  for (const [path, read] of Object.entries(FIELDS)) {
    const said = draft.fields[path]?.trim();
    if (said && !foreign.includes(path)) {
      put(spec, path, read(said), faults, read === duration ? 'duration' : 'number');
    }
  }
  const roles = framework && rolesOf(draft, framework, faults);
  return {
    ...spec,
    ...(roles && { roles }),
    ...filled({
      channels: pairsOf(draft, 'channels', faults, row => row.uri.trim()),
      env: pairsOf(draft, 'env', faults, row => row.value),
      secrets: pairsOf(draft, 'secrets', faults, row => ({ secret: row.secret.trim(), key: row.key.trim() }))
    }),
    ...(rowsOf(draft, 'volumes').length > 0 && { volumes: rowsOf(draft, 'volumes').map(([, row]) => volumeOf(row)) })
  };
}

/** Return all roles if anything was said about one that the framework has: the server takes them whole or not at all. */
function rolesOf(draft: IDraft, framework: Framework, faults: Record<string, Fault>): Spec | null {
  const names = ROLES[framework];
  const said = (role: string): string[] =>
    Object.keys(draft.fields).filter(path => path.startsWith(`roles.${role}.`) && draft.fields[path].trim());
  if (names.every(role => said(role).length === 0)) {
    return null;
  }
  const roles: Spec = {};
  for (const role of names) {
    const path = `roles.${role}.replicas`;
    const entry: Spec = {};
    put(
      entry,
      'replicas',
      whole(draft.fields[path]?.trim() || String(defaultCount(framework, role))),
      faults,
      'number',
      path
    );
    if (entry.replicas !== 0) {
      roles[role] = { ...entry, ...roleOf(draft, framework, role, faults) };
    }
  }
  return roles;
}

function roleOf(draft: IDraft, framework: Framework, role: string, faults: Record<string, Fault>): Spec {
  const said = (name: string): string => draft.fields[`roles.${role}.${name}`]?.trim() ?? '';
  const policy = said('restart_policy');
  const product = said('resources.gpu.product');
  const gpu: Spec = {};
  if (product) {
    const count = `roles.${role}.resources.gpu.count`;
    put(gpu, 'count', whole(said('resources.gpu.count') || '1'), faults, 'number', count);
    Object.assign(
      gpu,
      product !== ANY_GPU && { product },
      said('resources.gpu.resource') && { resource: said('resources.gpu.resource') }
    );
  }
  return filled({
    restart_policy: RESTART_POLICIES[framework].includes(policy) ? policy : '',
    resources: filled({ cpu: said('resources.cpu'), memory: said('resources.memory'), gpu })
  });
}

/** What stands for a GPU of any product. */
export const ANY_GPU = '*';

function pairsOf(
  draft: IDraft,
  table: 'channels' | 'env' | 'secrets',
  faults: Record<string, Fault>,
  value: (row: Row) => unknown
): Spec {
  const pairs: Spec = {};
  for (const [index, row] of rowsOf(draft, table)) {
    const name = row.name.trim();
    if (!name || name in pairs) {
      faults[`${table}.${index}.name`] = name ? 'twice' : 'name';
    } else {
      pairs[name] = value(row);
    }
  }
  return pairs;
}

function volumeOf(row: Row): Spec {
  const from = row.place.trim();
  return {
    name: row.name.trim(),
    mount_path: row.mount_path.trim(),
    [row.source]: row.source === 'empty_dir' ? true : from,
    ...(row.read_only === 'true' && { read_only: true }),
    ...(row.access_mode && { access_mode: row.access_mode })
  };
}

/** Put a value at a path, or note that there is none. */
function put(
  spec: Spec,
  path: string,
  value: unknown,
  faults: Record<string, Fault>,
  fault: Fault,
  field = path
): void {
  if (value === undefined) {
    faults[field] = fault;
    return;
  }
  const steps = path.split('.');
  const last = steps.pop()!;
  let at = spec;
  for (const step of steps) {
    at = (at[step] ??= {}) as Spec;
  }
  at[last] = value;
}

/** Return what is not empty. */
function filled(values: Spec): Spec {
  return Object.fromEntries(
    Object.entries(values).filter(
      ([, value]) => value !== '' && !(value && typeof value === 'object' && Object.keys(value).length === 0)
    )
  );
}
