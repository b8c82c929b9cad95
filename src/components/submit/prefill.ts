import type { Job } from '../../types';
import { written } from '../common';
import { EMPTY, type IDraft, type Row } from './draft';
import { NONE, type Entry } from './parameters';
import { ANY_GPU } from './submission';
import { writeDuration } from './units';

type Spec = Record<string, unknown>;

/** Where a job carries the spec that it was made of. */
const SPEC = 'jupyter-mltrain/spec';

/** Fields of the spec that are one text in the form. */
const TEXTS = ['framework', 'namespace', 'image', 'strategy', 'output_uri', 'service_account'];

/** What a new job does not take over: its name is taken. */
const LEFT = ['name', 'roles', 'run_policy', 'channels', 'env', 'secrets', 'volumes', ...TEXTS];

/** Return a form filled with what a job was given; what the form has no field for is carried along. */
export function draftOf(job: Job): IDraft {
  const spec = specOf(job);
  const { fields, rest } = runPolicy(spec.run_policy as Spec | undefined);
  const extra = Object.entries(spec).filter(([name, value]) => !LEFT.includes(name) && !isEmpty(value));
  return {
    ...EMPTY,
    backend: job.summary.backend,
    parameters: parametersOf(job),
    fields: { ...texts(spec), ...roles(spec.roles as Record<string, Spec> | undefined), ...fields },
    tables: {
      ...EMPTY.tables,
      channels: pairs(spec.channels, uri => ({ uri: String(uri) })),
      env: pairs(spec.env, value => ({ value: String(value) })),
      secrets: pairs(spec.secrets, ref => ({ ...(ref as Row) })),
      volumes: ((spec.volumes as Spec[] | undefined) ?? []).map(volume)
    },
    extra: { ...Object.fromEntries(extra), ...(!isEmpty(rest) && { run_policy: rest }) }
  };
}

function parametersOf({ parameters, texts: written }: Job): Record<string, Entry> {
  const entries = Object.entries(parameters);
  return Object.fromEntries(entries.map(([name, value]) => [name, value === null ? NONE : { text: written[name] }]));
}

function specOf({ manifest }: Job): Spec {
  const { annotations = {} } = (manifest.metadata ?? {}) as { annotations?: Record<string, string> };
  try {
    return JSON.parse(annotations[SPEC] ?? '{}') as Spec;
  } catch {
    return {};
  }
}

function texts(spec: Spec): Record<string, string> {
  const said = TEXTS.filter(name => typeof spec[name] === 'string' && spec[name] !== '');
  return Object.fromEntries(said.map(name => [name, spec[name] as string]));
}

/** Policies that say what the default says are not taken over, so that nothing shows as changed that is not. */
function runPolicy(policy: Spec = {}): { fields: Record<string, string>; rest: Spec } {
  const { active_deadline_seconds, ttl_seconds_after_finished, backoff_limit, clean_pod_policy, suspend, ...rest } =
    policy;
  const said: Record<string, unknown> = {
    active_deadline_seconds: typeof active_deadline_seconds === 'number' && writeDuration(active_deadline_seconds),
    ttl_seconds_after_finished:
      typeof ttl_seconds_after_finished === 'number' && writeDuration(ttl_seconds_after_finished),
    backoff_limit: typeof backoff_limit === 'number' && String(backoff_limit),
    clean_pod_policy: clean_pod_policy !== 'Running' && clean_pod_policy,
    suspend: suspend === true && 'true'
  };
  const kept = Object.entries(said).filter(([, value]) => value);
  return {
    fields: Object.fromEntries(kept.map(([name, value]) => [`run_policy.${name}`, String(value)])),
    rest: Object.fromEntries(Object.entries(rest).filter(([, value]) => !isEmpty(value)))
  };
}

function roles(given: Record<string, Spec> = {}): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [role, entry] of Object.entries(given)) {
    const { cpu, memory, gpu } = (entry.resources ?? {}) as Spec;
    const said: Spec = { replicas: entry.replicas ?? 1, restart_policy: entry.restart_policy, 'resources.cpu': cpu };
    Object.assign(said, { 'resources.memory': memory }, gpuFields(gpu as Spec | null));
    for (const [name, value] of Object.entries(said)) {
      if (value !== null && value !== undefined) {
        fields[`roles.${role}.${name}`] = written(value);
      }
    }
  }
  // Those that the job had not are told, too: otherwise they would have their default.
  return Object.keys(given).length > 0 ? { ...absent(given), ...fields } : fields;
}

function absent(given: Record<string, Spec>): Record<string, string> {
  const missing = ['Master', 'Worker'].filter(role => !(role in given));
  return Object.fromEntries(missing.map(role => [`roles.${role}.replicas`, '0']));
}

function gpuFields(gpu: Spec | null | undefined): Spec {
  if (!gpu) {
    return {};
  }
  return {
    'resources.gpu.product': gpu.product ?? ANY_GPU,
    'resources.gpu.count': gpu.count ?? 1,
    'resources.gpu.resource': gpu.resource
  };
}

function volume(given: Spec): Row {
  const sources = ['claim', 'host_path', 'empty_dir', 'secret', 'config_map'];
  const source = sources.find(name => given[name]) ?? 'claim';
  return {
    name: String(given.name),
    mount_path: String(given.mount_path),
    source,
    place: source === 'empty_dir' ? '' : written(given[source]),
    read_only: String(given.read_only === true),
    access_mode: written(given.access_mode ?? '')
  };
}

function pairs(given: unknown, columns: (value: unknown) => Row): readonly Row[] {
  return Object.entries((given ?? {}) as Spec).map(([name, value]) => ({ name, ...columns(value) }));
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false) {
    return true;
  }
  return typeof value === 'object' && Object.keys(value).length === 0;
}
