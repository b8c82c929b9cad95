import { describe, expect, it } from 'vitest';

import { addRow, EMPTY, setBackend, setField, setRequirement, type Change, type IDraft } from '../draft';
import { draftOf } from '../prefill';
import { toSubmission, type IContext, type IReading } from '../submission';
import { parseDuration, writeDuration } from '../units';
import { job, summary } from '../../../__tests__/server';

const CONTEXT: IContext = { notebook: 'a b.ipynb', form: [], detected: 'tensorflow', backend: '' };

const after = (...changes: Change[]): IDraft => changes.reduce((draft, change) => change(draft), EMPTY);
const fields = (given: Record<string, string>): Change[] =>
  Object.entries(given).map(([path, text]) => setField(path, text));
const read = (draft: IDraft, context: Partial<IContext> = {}): IReading =>
  toSubmission(draft, { ...CONTEXT, ...context });
const specOf = (...changes: Change[]): unknown => read(after(...changes)).submission.spec;

describe('a submission', () => {
  it('says nothing that the user has not said', () => {
    expect(read(EMPTY)).toEqual({ submission: { notebook: 'a b.ipynb' }, faults: {} });
    const emptied = after(setField('name', 'x'), setField('name', ''), setField('roles.Worker.replicas', ' '));
    expect(read(emptied).submission).toEqual({ notebook: 'a b.ipynb' });
  });

  it('goes where the settings say, unless the form says so', () => {
    expect(read(EMPTY, { backend: 'kubernetes' }).submission.backend).toBe('kubernetes');
    expect(read(after(setBackend('local')), { backend: 'kubernetes' }).submission.backend).toBe('local');
  });

  it('has fields of the spec with their types', () => {
    const given = {
      name: ' mine ',
      'run_policy.active_deadline_seconds': '1 h 30 m',
      'run_policy.ttl_seconds_after_finished': '1d',
      'run_policy.backoff_limit': '0',
      'run_policy.clean_pod_policy': 'All',
      'run_policy.suspend': 'true'
    };
    expect(specOf(...fields(given))).toEqual({
      name: 'mine',
      run_policy: {
        active_deadline_seconds: 5400,
        ttl_seconds_after_finished: 86_400,
        backoff_limit: 0,
        clean_pod_policy: 'All',
        suspend: true
      }
    });
  });

  it('leaves out what cannot be read, and says which field', () => {
    const given = {
      'run_policy.active_deadline_seconds': 'soon',
      'run_policy.backoff_limit': '1.5',
      'roles.Worker.replicas': 'two'
    };
    const { submission, faults } = read(after(...fields(given)));
    expect(faults).toEqual({
      'run_policy.active_deadline_seconds': 'duration',
      'run_policy.backoff_limit': 'number',
      'roles.Worker.replicas': 'number'
    });
    expect(submission.spec).toEqual({ roles: { Worker: {} } });
  });

  it('has all roles as soon as one was touched, and only those of the framework', () => {
    expect(specOf(...fields({ 'roles.PS.replicas': '2' }))).toEqual({
      roles: { Worker: { replicas: 1 }, PS: { replicas: 2 } }
    });
    const torch = read(after(...fields({ 'roles.Worker.replicas': '3', 'roles.PS.replicas': '2' })), {
      detected: 'pytorch'
    });
    expect(torch.submission.spec).toEqual({ roles: { Master: { replicas: 1 }, Worker: { replicas: 3 } } });
    expect(specOf(...fields({ framework: 'none', 'roles.PS.replicas': '2', strategy: 'mirrored' }))).toEqual({
      framework: 'none'
    });
  });

  it('has resources and GPUs by role', () => {
    const given = {
      'roles.Worker.resources.cpu': '500m',
      'roles.Worker.resources.memory': '4Gi',
      'roles.Worker.resources.gpu.product': 'NVIDIA-H200',
      'roles.Worker.resources.gpu.count': '2',
      'roles.Worker.restart_policy': 'ExitCode',
      'roles.Chief.replicas': '1',
      'roles.Chief.resources.gpu.product': '*'
    };
    expect(specOf(...fields(given))).toEqual({
      roles: {
        Chief: { replicas: 1, resources: { gpu: { count: 1 } } },
        Worker: {
          replicas: 1,
          restart_policy: 'ExitCode',
          resources: { cpu: '500m', memory: '4Gi', gpu: { count: 2, product: 'NVIDIA-H200' } }
        }
      }
    });
  });

  it('has rows that are not empty, each by its name', () => {
    const draft = after(
      addRow('channels', { name: '', uri: ' ' }),
      addRow('channels', { name: 'train', uri: 's3://b/t' }),
      addRow('env', { name: 'A', value: ' kept ' }),
      addRow('env', { name: 'A', value: '2' }),
      addRow('env', { name: '', value: '3' }),
      addRow('secrets', { name: 'KEY', secret: 'aws', key: 'id' }),
      addRow('include', { glob: '*.csv' }),
      addRow('volumes', { name: '', mount_path: '', source: 'claim', place: '', read_only: 'false' }),
      addRow('volumes', { name: 'd', mount_path: '/d', source: 'claim', place: 'data', read_only: 'true' }),
      addRow('volumes', { name: 't', mount_path: '/t', source: 'empty_dir', place: '', read_only: 'false' })
    );
    const { submission, faults } = read(draft);
    expect(submission.include).toEqual(['*.csv']);
    expect(submission.spec).toEqual({
      channels: { train: 's3://b/t' },
      env: { A: ' kept ' },
      secrets: { KEY: { secret: 'aws', key: 'id' } },
      volumes: [
        { name: 'd', mount_path: '/d', claim: 'data', read_only: true },
        { name: 't', mount_path: '/t', empty_dir: true }
      ]
    });
    expect(faults).toEqual({ 'env.1.name': 'twice', 'env.2.name': 'name' });
  });

  it('has changed requirements only', () => {
    const draft = after(setRequirement('numpy', null), setRequirement('a', '>=1'), setRequirement('a', undefined));
    expect(read(draft).submission).toEqual({ notebook: 'a b.ipynb', requirements: { numpy: null } });
  });
});

describe('a form filled from a job', () => {
  const spec = {
    framework: 'tensorflow',
    name: 'old-name',
    namespace: 'default',
    labels: { team: 'x' },
    annotations: {},
    image: null,
    roles: {
      PS: { replicas: 2, restart_policy: 'Always', resources: { cpu: null, memory: '1Gi', gpu: null } },
      Chief: {
        replicas: 1,
        restart_policy: null,
        resources: { cpu: '2', memory: null, gpu: { count: 2, product: null } }
      }
    },
    run_policy: {
      clean_pod_policy: 'Running',
      active_deadline_seconds: 5400,
      suspend: false,
      scheduling: { queue: 'q' }
    },
    env: { A: '1' },
    secrets: { K: { secret: 's', key: 'k' } },
    channels: { train: '/data' },
    volumes: [{ name: 'd', mount_path: '/d', claim: 'c', read_only: false, empty_dir: false, access_mode: null }]
  };
  const old = job('j1', {
    summary: summary('j1', { backend: 'local' }),
    manifest: { metadata: { annotations: { 'jupyter-mltrain/spec': JSON.stringify(spec) } } },
    parameters: { epochs: 9007199254740992, mood: null },
    texts: { epochs: '9007199254740993', mood: 'None' }
  });

  it('submits what the job was made of, under another name', () => {
    const form = [
      { name: 'epochs', type: { kind: 'int' as const } },
      { name: 'mood', type: { kind: 'str' as const, optional: true } }
    ];
    expect(read(draftOf(old), { form, detected: null }).submission).toEqual({
      notebook: 'a b.ipynb',
      backend: 'local',
      texts: { epochs: '9007199254740993' },
      parameters: { mood: null },
      spec: {
        framework: 'tensorflow',
        namespace: 'default',
        labels: { team: 'x' },
        roles: {
          Chief: { replicas: 1, resources: { cpu: '2', gpu: { count: 2 } } },
          PS: { replicas: 2, restart_policy: 'Always', resources: { memory: '1Gi' } }
        },
        run_policy: { scheduling: { queue: 'q' }, active_deadline_seconds: 5400 },
        env: { A: '1' },
        secrets: { K: { secret: 's', key: 'k' } },
        channels: { train: '/data' },
        volumes: [{ name: 'd', mount_path: '/d', claim: 'c' }]
      }
    });
  });

  it('is empty but for the place where the job says nothing of itself', () => {
    expect(read(draftOf(job('j2'))).submission).toEqual({ notebook: 'a b.ipynb', backend: 'local' });
  });
});

describe('units', () => {
  it.each([
    ['90', 90],
    ['30 m', 1800],
    ['1h 30min', 5400],
    ['1.5 h', 5400],
    ['2 days', 172_800],
    ['', null],
    ['soon', null],
    ['-5', null],
    ['3 x', null],
    ['1h later', null]
  ])('a duration %j', (text, seconds) => expect(parseDuration(text)).toBe(seconds));

  it.each([0, 59, 60, 5400, 86_400, 694_861])('reads what it writes: %d s', seconds =>
    expect(parseDuration(writeDuration(seconds))).toBe(seconds)
  );
});
