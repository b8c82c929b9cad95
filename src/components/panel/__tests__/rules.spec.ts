import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { summary } from '../../../__tests__/server';
import { planBulk, bulkQuestion } from '../bulk';
import { countOf, isNarrowed, isSameFilter, jobFilter, NO_FILTERS, notebooksOf } from '../filters';
import { intentOf } from '../keys';
import { memoryLimit, twice } from '../raise';
import { goTo, NOTHING_SELECTED, reconciled, selectAll, selectNone, toggle, type ISelection } from '../selection';
import { cellWords, dayWords, inventoryWords, metricWords, replicaWords, rowWords } from '../words';

const trans = nullTranslator.load('jupyter_mltrain');
const IDS = ['a', 'b', 'c', 'd', 'e'];
const picked = ({ selected }: ISelection): string => [...selected].sort().join('');
const at = (index: number): ISelection => goTo(NOTHING_SELECTED, IDS, index);

describe('selection', () => {
  it('goes no further than the first and the last row', () => {
    expect(goTo(at(0), IDS, -1).active).toBe('a');
    expect(goTo(at(4), IDS, 99).active).toBe('e');
    expect(goTo(NOTHING_SELECTED, [], 0).active).toBeNull();
  });

  it('stays while the keyboard walks', () => {
    expect(picked(goTo(toggle(at(1), IDS, 'b'), IDS, 3))).toBe('b');
  });

  it('extends from the anchor to and fro', () => {
    const down = goTo(goTo(at(1), IDS, 2, { extend: true }), IDS, 3, { extend: true });
    expect([picked(down), down.active]).toEqual(['bcd', 'd']);
    const up = goTo(down, IDS, 0, { extend: true });
    expect(picked(up)).toBe('ab');
  });

  it('toggles a row, and begins the next range there', () => {
    const two = toggle(toggle(at(0), IDS, 'b'), IDS, 'd');
    expect([picked(two), two.active]).toEqual(['bd', 'd']);
    expect(picked(toggle(two, IDS, 'b'))).toBe('d');
    expect(picked(goTo(two, IDS, 4, { extend: true }))).toBe('de');
  });

  it('takes all and none', () => {
    const all = selectAll(at(2), IDS);
    expect([picked(all), all.active]).toEqual(['abcde', 'c']);
    expect([picked(selectNone(all)), selectNone(all).active]).toEqual(['', 'c']);
  });

  it('knows that all are meant, also when a page comes after; until one is left out', () => {
    const all = reconciled(selectAll(at(2), IDS), [...IDS, 'f', 'g']);
    expect([all.isAll, picked(all)]).toEqual([true, 'abcde']);
    const others = [
      toggle(all, IDS, 'b'),
      goTo(all, IDS, 3, { extend: true }),
      selectNone(all),
      reconciled(all, ['f'])
    ];
    expect(others.map(({ isAll }) => isAll)).toEqual([false, false, false, false]);
  });

  it('is active at the first row from the start', () => {
    const first = reconciled(NOTHING_SELECTED, IDS);
    expect(first.active).toBe('a');
    expect(reconciled(first, ['new', ...IDS]).active).toBe('new');
    expect(reconciled(NOTHING_SELECTED, [])).toBe(NOTHING_SELECTED);
  });

  it('goes with its rows', () => {
    const before = toggle(at(1), IDS, 'b');
    const after = reconciled(before, ['new', ...IDS]);
    expect([after.active, after.index, picked(after)]).toEqual(['b', 2, 'b']);
    expect(reconciled(after, ['new', ...IDS])).toBe(after);
  });

  it('hands the keyboard to the row that takes the place of one that is gone', () => {
    const before = selectAll(at(2), ['b', 'c']);
    const after = reconciled(before, ['a', 'b', 'd', 'e']);
    expect([after.active, picked(after), after.anchor]).toEqual(['d', 'b', 'd']);
    expect(reconciled(at(4), ['a', 'b']).active).toBe('b');
    expect(reconciled(at(4), []).active).toBeNull();
  });
});

describe('keys', () => {
  const key = (name: string, more = {}): ReturnType<typeof intentOf> =>
    intentOf({ key: name, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more });

  it.each([
    ['ArrowDown', {}, { type: 'go', to: 'next', extend: false }],
    ['ArrowUp', { shiftKey: true }, { type: 'go', to: 'previous', extend: true }],
    ['PageDown', {}, { type: 'go', to: 'page-down', extend: false }],
    ['Home', {}, { type: 'go', to: 'first', extend: false }],
    [' ', {}, { type: 'toggle' }],
    ['a', { ctrlKey: true }, { type: 'select-all' }],
    ['A', { metaKey: true }, { type: 'select-all' }],
    ['F10', { shiftKey: true }, { type: 'menu' }],
    ['Delete', {}, { type: 'delete' }],
    ['r', {}, { type: 'type' }],
    ['r', { ctrlKey: true }, null],
    ['ArrowDown', { altKey: true }, null],
    ['Tab', {}, null],
    ['F5', {}, null]
  ])('%s %j', (name, more, expected) => {
    expect(key(name, more)).toEqual(expected);
  });
});

describe('filters', () => {
  it('become what the server takes', () => {
    expect(jobFilter({ ...NO_FILTERS, state: 'ended', text: ' x ' })).toEqual({
      backend: '',
      phases: ['Succeeded', 'Failed', 'Cancelled'],
      kind: '',
      notebook: '',
      text: 'x'
    });
    expect(jobFilter({ ...NO_FILTERS, state: 'Failed' }).phases).toEqual(['Failed']);
  });

  it('narrow or do not', () => {
    expect(isNarrowed(jobFilter({ ...NO_FILTERS, text: '  ' }))).toBe(false);
    expect(isNarrowed({})).toBe(false);
    expect(isNarrowed({ phases: ['Failed'] })).toBe(true);
  });

  it('are the same however an empty one is spelt', () => {
    expect(isSameFilter({}, jobFilter(NO_FILTERS))).toBe(true);
    expect(isSameFilter({ text: 'a' }, {})).toBe(false);
  });

  it('count what they let through', () => {
    const counts = { Running: 2, Failed: 3, Succeeded: 5 };
    expect(['', 'active', 'ended', 'Failed', 'Queued'].map(state => countOf(state, counts))).toEqual([10, 2, 8, 3, 0]);
  });

  it('offer each notebook once, and the chosen one always', () => {
    const rows = [summary('1', { notebook: 'b.ipynb' }), summary('2', { notebook: 'b.ipynb' }), summary('3')];
    expect(notebooksOf(rows, 'a.ipynb')).toEqual(['a.ipynb', 'b.ipynb']);
  });
});

describe('words', () => {
  it('tell the replicas by weight', () => {
    const roles = {
      PS: { total: 1, active: 1, succeeded: 0, failed: 0 },
      Worker: { total: 3, active: 1, succeeded: 1, failed: 1 },
      Other: { total: 1, active: 0, succeeded: 0, failed: 0 }
    };
    expect(replicaWords(summary('a', { roles }))).toBe('Worker 2/3 · PS 1/1 · Other 0/1');
  });

  it.each([
    [{ accuracy: 0.9, loss: 0.0091999 }, 'loss 0.0092'],
    [{ val_loss: 1234.5 }, 'val_loss 1230'],
    [{ accuracy: 1 }, 'accuracy 1'],
    [{ rows: 12_384_678 }, 'rows 12384678'],
    [{ loss: null }, 'loss NaN'],
    [{}, undefined]
  ])('tell the newest metric of %j', (metrics, expected) => {
    expect(metricWords(summary('a', { metrics }))?.join(' ')).toBe(expected);
  });

  it.each([
    [{ done: 0, running: 1 }, 'cell 1/4'],
    [{ done: 2, running: 5 }, 'cell 3/4'],
    [{ done: 4, running: null }, 'cell 4/4'],
    [{ done: 4, running: 7 }, 'cell 4/4']
  ])('name the cell that runs: %j', (changes, expected) => {
    expect(cellWords({ total: 4, title: '', fraction: 0, ...changes }, trans)).toBe(expected);
  });

  it('tell the day of what was not today', () => {
    const now = new Date(2026, 2, 10, 0, 30);
    const day = (...time: [number, number, number, number]): string =>
      dayWords(new Date(...time).toISOString(), now, trans);
    expect(day(2026, 2, 10, 0)).toBe('');
    expect(day(2026, 2, 9, 23)).toBe('yesterday');
    expect(day(2026, 2, 1, 12)).toContain('1');
    expect(day(2025, 11, 31, 12)).toContain('2025');
  });

  it('say of a row what it is and why it failed', () => {
    expect(rowWords(summary('a', { phase: 'Failed', why: 'exit 1' }), trans)).toBe('a, TFJob, Failed, exit 1');
    expect(rowWords(summary('a', { why: 'x' }), trans)).toBe('a, TFJob, Running');
  });

  it('sum up a place', () => {
    const device = { product: 'H200', total: 4, free: 1, memory: null, node: '', taints: [] };
    const inventory = {
      devices: [device, { ...device, free: 2 }],
      cpus: 16,
      memory: 2 ** 34,
      slots: 2,
      slotsFree: 0,
      note: ''
    };
    expect(inventoryWords(inventory, trans)).toEqual([
      'GPU H200 3/8 free',
      '16 CPU',
      '16 GiB memory',
      '0/2 slots free'
    ]);
    const bare = { devices: [], cpus: null, memory: null, slots: null, slotsFree: null, note: '' };
    expect(inventoryWords(bare, trans)).toEqual(['No GPU']);
  });
});

describe('more memory', () => {
  it('begins with twice of what there was', () => {
    const container = { resources: { limits: { cpu: '1', memory: '1.5Gi' } } };
    const manifest = { spec: { tfReplicaSpecs: { Worker: { template: { spec: { containers: [{}, container] } } } } } };
    expect(memoryLimit({ manifest })).toBe('1.5Gi');
    expect(['1.5Gi', '512Mi', '1000', '', 'much'].map(twice)).toEqual(['3Gi', '1024Mi', '2000', '4Gi', '4Gi']);
    expect(memoryLimit({ manifest: {} })).toBe('');
  });
});

describe('what is asked', () => {
  const going = summary('going');
  const ended = summary('over', { phase: 'Succeeded', finished: true, actions: ['resubmit', 'delete'] });

  it('names those that cannot be cancelled', () => {
    const question = bulkQuestion(planBulk('cancel', [going, ended]), trans);
    expect(question.title).toBe('Cancel 1 training job?');
    expect(question.lines.join('\n')).toContain('Cannot be cancelled: over (Succeeded).');
  });

  it('says how many are stopped before they are deleted', () => {
    const many = Array.from({ length: 7 }, (_, index) => summary(`job-${index}`));
    const question = bulkQuestion(planBulk('delete', [...many, ended]), trans);
    expect(question.title).toBe('Delete 8 training jobs?');
    expect(question.lines[0]).toBe('job-0, job-1, job-2, job-3, job-4 and 3 more');
    expect(question.lines).toContain('7 have not ended; they are stopped first.');
    expect(question.accept).toBe('Delete 8');
  });
});
