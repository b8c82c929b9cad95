import { describe, expect, it } from 'vitest';

import { aligned } from '../chart-data';
import { fenced } from '../Code';
import { bytes } from '../format';
import { changedParameters, written } from '../parameters';
import { whySentence } from '../why';
import { summary, trans } from './fixtures';

describe('aligned', () => {
  it('puts lines on one ascending axis; the newest value of a step counts', () => {
    const series = [
      { replica: 'a', x: [1, 2, 1], y: [10, 20, 11] },
      { replica: 'b', x: [3, 2], y: [null, 5] }
    ];
    expect(aligned(series)).toEqual([
      [1, 2, 3],
      [11, 20, undefined],
      [undefined, 5, null]
    ]);
  });
});

describe('changedParameters', () => {
  const values = { epochs: 3, name: 'x', rates: [1, 2] };

  it('sends nothing that was not changed', () => {
    expect(changedParameters(values, written(values))).toEqual({});
  });

  it('keeps texts as texts and reads the rest', () => {
    expect(changedParameters(values, { epochs: '5', name: '7', rates: '[3' })).toEqual({
      epochs: 5,
      name: '7',
      rates: '[3'
    });
  });
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
  expect([0, 1023, 1024, 2 * 1024 ** 3].map(bytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '2.0 GiB']);
});

it('fences source that has fences', () => {
  expect(fenced('a ```` b', 'py\nthon')).toBe('`````python\na ```` b\n`````');
});
