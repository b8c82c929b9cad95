import { describe, expect, it } from 'vitest';

import { TrainingError } from '../../../request';
import { addRow, EMPTY, setField, type IDraft } from '../draft';
import { applyFix, canApply } from '../fixes';
import { NO_IMAGE } from '../image-model';
import { fieldOf, problemsOf } from '../problems';
import { split } from '../Requirements';
import { TabStore } from '../store';
import { gpusOf, placeOf } from '../../common';
import { finding } from './fixtures';

const DRAFT: IDraft = [
  addRow('volumes', { name: '', mount_path: '', source: 'claim', place: '' }),
  addRow('volumes', { name: 'd', mount_path: '/d', source: 'claim', place: 'c' }),
  addRow('secrets', { name: 'KEY', secret: 'Bad Name', key: 'k' }),
  addRow('env', { name: 'A.B', value: '1' }),
  setField('roles.Worker.resources.gpu.product', '*'),
  setField('roles.Worker.resources.gpu.count', '2')
].reduce((draft, change) => change(draft), EMPTY);

describe('where an error belongs', () => {
  it.each([
    ['roles', 'framework'],
    ['roles.Chief', 'roles.Chief.replicas'],
    ['roles.Worker.resources.cpu', 'roles.Worker.resources.cpu'],
    ['roles.Worker.resources.gpu', 'roles.Worker.resources.gpu.product'],
    ['roles.Worker.resources.gpu.count', 'roles.Worker.resources.gpu.count'],
    ['spec.tfReplicaSpecs.Worker.replicas', 'roles.Worker.replicas'],
    ['metadata.name', 'name'],
    ['run_policy.backoff_limit', 'run_policy.backoff_limit'],
    ['requirements.numpy', 'requirements.numpy'],
    ['volumes.0.mount_path', 'volumes.1.mount_path'],
    ['volumes.0.claim', 'volumes.1.place'],
    ['volumes.0', 'volumes.1.name'],
    ['secrets.KEY.secret', 'secrets.0.secret'],
    ['env.A.B', 'env.0.name'],
    ['env.OTHER', ''],
    ['elastic', ''],
    ['notebook', '']
  ])('%s: %s', (path, field) => expect(fieldOf(path, DRAFT)).toBe(field));

  it('tells all that the server names, those of parameters by their own name', () => {
    const errors = [
      { field: 'name', message: 'no', hint: 'yes' },
      { field: 'n', message: 'input should be 1', hint: '' }
    ];
    const error = new TrainingError({ code: 'parameter', message: 'no', details: { field: 'name', errors } });
    expect(problemsOf(error, EMPTY)).toEqual([
      { field: 'parameters.name', message: 'No.', hint: 'yes' },
      { field: 'parameters.n', message: 'Input should be 1.', hint: '' }
    ]);
    const plain = new TrainingError({ code: 'invalid', message: 'No.', details: { field: 'name' } });
    expect(problemsOf(plain, EMPTY)[0].field).toBe('name');
    expect(problemsOf(new TrainingError({ code: 'notebook', message: 'no Python' }), EMPTY)[0].field).toBe('');
  });
});

describe('a fix', () => {
  it('gives fields their values, and takes away what is below one', () => {
    expect(applyFix(finding({ fix: { 'roles.Worker.replicas': 2 } }))(EMPTY).fields).toEqual({
      'roles.Worker.replicas': '2'
    });
    expect(applyFix(finding({ fix: { 'roles.Worker.resources.gpu': null } }))(DRAFT).fields).toEqual({});
    expect(applyFix(finding({ fix: { 'parameters.batch_size': 64 } }))(EMPTY).parameters).toEqual({
      batch_size: { text: '64' }
    });
    expect(applyFix(finding({ fix: { 'volumes.0.read_only': true } }))(DRAFT).tables.volumes[1].read_only).toBe('true');
  });

  it('takes away what another job has brought', () => {
    const draft = { ...EMPTY, extra: { elastic: {}, run_policy: { scheduling: {}, other: 1 } } };
    expect(applyFix(finding({ fix: { elastic: null } }))(draft).extra).toEqual({
      run_policy: { scheduling: {}, other: 1 }
    });
    expect(applyFix(finding({ fix: { 'run_policy.scheduling': null } }))(draft).extra.run_policy).toEqual({ other: 1 });
  });

  it('is not always there', () => {
    expect([canApply(finding()), canApply(finding({ fix: { strategy: null } }))]).toEqual([false, true]);
  });
});

describe('places', () => {
  it('add up equal accelerators of all nodes', () => {
    const device = { memory: null, node: '', taints: [] };
    const devices = [
      { ...device, product: 'H200', total: 4, free: 1 },
      { ...device, product: 'A100', total: 1, free: 0 },
      { ...device, product: 'H200', total: 4, free: 2 }
    ];
    const inventory = { devices, cpus: 1, memory: 1, slots: 1, slotsFree: 1, note: '' };
    expect(gpusOf(inventory)).toEqual([
      { product: 'A100', total: 1, free: 0 },
      { product: 'H200', total: 8, free: 3 }
    ]);
  });

  it('are found by name, the first one if nobody says where', () => {
    const backend = { title: '', available: true, why: '', kinds: [], suspend: true, gpus: false, images: false };
    const backends = [
      { ...backend, name: 'local' },
      { ...backend, name: 'kubernetes' }
    ];
    expect(['', 'kubernetes', 'gone'].map(name => placeOf(backends, name)?.name)).toEqual([
      'local',
      'kubernetes',
      undefined
    ]);
  });
});

describe('a line of requirements', () => {
  it.each([
    ['lightgbm>=4', 'lightgbm', '>=4'],
    [' a.b-c_d [x] == 1', 'a.b-c_d', ' [x] == 1'],
    ['name', 'name', ''],
    ['==1', '', '']
  ])('%j', (line, name, specifier) => expect(split(line)).toEqual({ name, specifier }));
});

describe('the tab’s store', () => {
  it('keeps one form for each notebook, until it is closed', () => {
    const state = { draft: DRAFT, token: 't', detected: null, stays: true, image: NO_IMAGE };
    new TabStore('a b.ipynb').write(state);
    expect(new TabStore('a b.ipynb').read()).toEqual(state);
    expect(new TabStore('other.ipynb').read()).toBeNull();
    new TabStore('a b.ipynb').clear();
    expect(new TabStore('a b.ipynb').read()).toBeNull();
  });

  it('begins anew where it holds no form', () => {
    window.sessionStorage.setItem('jupyter-mltrain:submit:x', '{');
    expect(new TabStore('x').read()).toBeNull();
  });
});
