import { describe, expect, it } from 'vitest';

import { STEPS, tickLabels } from '../axis';
import { aligned, chartsOf, linesOf } from '../chart-data';
import { fenced } from '../Code';
import { imageOf, shortImage } from '../image';
import { bounded } from '../outputs';
import { whySentence } from '../why';
import { bytes, measured, seconds } from '../../common';
import { summary, trans } from './fixtures';

describe('aligned', () => {
  it('puts lines on one ascending axis; the newest value of a step counts', () => {
    const series = [
      { label: 'a', x: [1, 2, 1], y: [10, 20, 11] },
      { label: 'b', x: [3, 2], y: [null, 5] }
    ];
    expect(aligned(series)).toEqual([
      [1, 2, 3],
      [11, 20, undefined],
      [undefined, 5, null]
    ]);
  });
});

describe('charts', () => {
  it('have what was measured in training and in validation side by side', () => {
    expect(chartsOf(['loss', 'accuracy', 'val_loss'])).toEqual([['loss', 'val_loss'], ['accuracy']]);
  });

  it('name the replica where there are several', () => {
    const one = { replica: 'w-0', x: [1], y: [2] };
    expect(linesOf('loss', [one]).map(({ label }) => label)).toEqual(['loss']);
    expect(linesOf('loss', [one, { ...one, replica: 'w-1' }]).map(({ label }) => label)).toEqual([
      'loss · w-0',
      'loss · w-1'
    ]);
  });
});

describe('an axis', () => {
  const ticks = (step: number, from: number, count: number): number[] =>
    Array.from({ length: count }, (_, index) => (from + index) * step);

  it.each([
    ['rates', ticks(2e-5, 0, 4), 2e-5, '0 2e-5 4e-5 6e-5'],
    ['small losses', ticks(1e-4, 4, 4), 1e-4, '0.0004 0.0005 0.0006 0.0007'],
    ['halves', ticks(2.5e-4, 0, 3), 2.5e-4, '0 2.5e-4 5e-4'],
    ['usual losses', ticks(0.05, 0, 4), 0.05, '0.00 0.05 0.10 0.15'],
    ['negative ones', ticks(0.5, -2, 4), 0.5, '-1.0 -0.5 0.0 0.5'],
    ['steps', ticks(200, 0, 6), 200, '0 200 400 600 800 1000'],
    ['large counts', ticks(500_000, 0, 4), 500_000, '0 0.5M 1M 1.5M'],
    ['neighbours', ticks(1, 1_500_000, 3), 1, '1500000 1500001 1500002'],
    ['what has gone astray', ticks(2e300, 2, 3), 2e300, '4e300 6e300 8e300']
  ])('of %s', (_, values, step, labels) => expect(tickLabels(values, step).join(' ')).toBe(labels));

  it('tells each tick from the next, whatever the step', () => {
    for (const step of STEPS.filter(step => step < 1e300)) {
      for (const from of [-3, 0, 7, 995]) {
        const labels = tickLabels(ticks(step, from, 6), step);
        expect(new Set(labels).size, `${step}: ${labels.join(' ')}`).toBe(6);
        expect(Math.max(...labels.map(({ length }) => length)), labels.join(' ')).toBeLessThanOrEqual(10);
      }
    }
  });
});

it('says counts whole, and measured values short', () => {
  expect([12_384_678, 0.123456789, 1e-4, 1e301, null].map(value => measured(value))).toEqual([
    '12384678',
    '0.123457',
    '0.0001',
    '1e+301',
    'NaN'
  ]);
});

describe('images', () => {
  const pod = (image: string): object => ({ template: { spec: { containers: [{ image }] } } });
  const digest = `registry.example/train@sha256:${'ab'.repeat(32)}`;

  it.each([
    ['TFJob', { spec: { tfReplicaSpecs: { Chief: pod(digest) } } }, digest],
    ['PyTorchJob', { spec: { pytorchReplicaSpecs: { Master: null, Worker: pod(digest) } } }, digest],
    ['Job', { spec: pod(digest) }, digest],
    ['nothing that was built', { spec: pod('jupyter-mltrain.invalid/notebook:unbuilt') }, ''],
    ['no pod', {}, '']
  ])('of %s', (_, manifest, image) => {
    expect(imageOf({ manifest })).toBe(image);
  });

  it('are named by digest, short, or by tag', () => {
    expect([digest, 'registry.example/team/train:1'].map(shortImage)).toEqual(['sha256:abababababab', 'train:1']);
  });
});

it('draws the newest of a stream that is too long, from the beginning of a line', () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join('');
  const { value, left } = bounded({ output_type: 'stream', name: 'stdout', text: lines });
  expect(value.text as string).toMatch(/^line \d+\n/);
  expect((value.text as string).length + left).toBe(lines.length);
  expect(left).toBeGreaterThan(0);
});

it('says seconds as people do', () => {
  expect([0.421, 12.34, 125, 7380].map(seconds)).toEqual(['0.42 s', '12.3 s', '2 min 05 s', '2 h 03 min']);
});

describe('whySentence', () => {
  it.each([
    [{ why: 'Worker 0 failed: exit 137' }, 'Worker 0 failed: exit 137'],
    [{ phase: 'Queued', queuePosition: 3 }, 'Number 3 in the queue.'],
    [{}, 'Running code cell 7 of 12.'],
    [{ progress: null }, 'The job is running.']
  ] as const)('%j', (changes, sentence) => {
    expect(whySentence(summary(changes), trans)).toBe(sentence);
  });
});

it('writes bytes in the largest unit', () => {
  expect([0, 1023, 1024, 1.5 * 1024 ** 3, 137 * 1024 ** 3].map(bytes)).toEqual([
    '0 B',
    '1023 B',
    '1 KiB',
    '1.5 GiB',
    '137 GiB'
  ]);
});

it('fences source that has fences', () => {
  expect(fenced('a ```` b', 'py\nthon')).toBe('`````python\na ```` b\n`````');
});
