import { Signal } from '@lumino/signaling';
import { describe, expect, it, vi } from 'vitest';

import { LogSearch, placeOf, type ISearched } from '../search';

function log(lines: string[]): ISearched & { tell: () => void; lines: string[] } {
  const owner = {};
  const changed = new Signal<object, void>(owner);
  const made = {
    lines,
    firstNumber: 0,
    changed: changed as never,
    get length() {
      return made.lines.length;
    },
    line: (index: number) => made.lines[index],
    tell: () => changed.emit()
  };
  return made;
}

const found = (search: LogSearch): Promise<void> => vi.waitFor(() => expect(search.isSearching).toBe(false));

describe('LogSearch', () => {
  it('finds text in upper and lower case, through colours', async () => {
    const search = new LogSearch(log(['Loss 1', 'x', 'LO\x1b[31mSS 2']));
    search.find('loss');
    await found(search);
    expect(search.matches).toEqual([0, 2]);
  });

  it('looks through many lines in slices, and at those that come', async () => {
    const lines = Array.from({ length: 50_000 }, (_, index) => `line ${index}`);
    const source = log(lines);
    const search = new LogSearch(source);
    search.find('line 49999');
    expect(search.matches).toEqual([]);
    await found(search);
    expect(search.matches).toEqual([49_999]);
    source.lines.push('line 499990');
    source.tell();
    await found(search);
    expect(search.matches).toEqual([49_999, 50_000]);
  });

  it('begins anew when the log became another', async () => {
    const source = log(['a', 'b', 'a']);
    const search = new LogSearch(source);
    search.find('a');
    await found(search);
    source.lines = ['b', 'a'];
    source.tell();
    await found(search);
    expect(search.matches).toEqual([1]);
  });
});

describe('placeOf', () => {
  it.each([
    [0, 0],
    [3, 0],
    [4, 1],
    [9, 2],
    [10, 3]
  ])('line %i: %i', (line, place) => {
    // prettier-ignore
    expect(placeOf([3, 7, 9], line)).toBe(place);
  });
});
