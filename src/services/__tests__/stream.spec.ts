import type { IOutput } from '@jupyterlab/nbformat';
import { OutputAreaModel } from '@jupyterlab/outputarea';
import { describe, expect, it } from 'vitest';

import { appended, shown, type Output } from '../stream';

const stream = (text: unknown): Output => ({ output_type: 'stream', name: 'stdout', text });

/** What is shown of a stream that comes in pieces, and is drawn after each of them. */
function textOf(pieces: readonly string[]): string {
  let output = stream('');
  for (const piece of pieces) {
    output = appended(output, piece);
    shown(output);
  }
  return shown(output).text;
}

/** What JupyterLab shows of it. */
function textByLab(pieces: readonly string[]): string {
  const area = new OutputAreaModel();
  pieces.forEach(text => area.add(stream(text) as IOutput));
  return area.get(0).streamText!.text;
}

/** All texts of a length: letters, each another one, and what moves the cursor. */
function texts(length: number): string[] {
  const shorter = length === 0 ? [] : texts(length - 1);
  const letter = String.fromCharCode('a'.charCodeAt(0) + length - 1);
  return length === 0 ? [''] : shorter.flatMap(text => [letter, '\n', '\r', '\b'].map(next => text + next));
}

describe('shown', () => {
  it.each([
    ['\rprogress 9%\rprogress 10%', 'progress 10%'],
    ['progress 100%\rdone', 'doneress 100%'],
    ['1/2\b\b\b\r2/2\n', '2/2\n'],
    ['one\r\ntwo\r\n', 'one\ntwo\n'],
    ['kept\n\b\b', 'kept\n']
  ])('shows %j as %j', (text, expected) => {
    expect(textOf([text])).toBe(expected);
  });

  it('is what JupyterLab shows, wherever a piece ends', () => {
    for (const text of texts(5)) {
      for (let end = 1; end < text.length; end++) {
        const pieces = [text.slice(0, end), text.slice(end)];
        expect([pieces, textOf(pieces)]).toEqual([pieces, textByLab(pieces)]);
      }
    }
  });

  it('takes a text as nbformat does: whole, or in lines', () => {
    expect(shown(stream(['one\n', 'two\rT'])).text).toBe('one\nTwo');
    expect(shown(appended(undefined, 'a')).text).toBe('a');
    expect(shown(stream(null)).text).toBe('');
  });
});

describe('what is left out', () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join('');

  it.each([
    ['lines', lines, /^line \d+\n/],
    ['lines and a long one', lines + 'x'.repeat(15_000), /^line \d+\n[^]*x{15000}$/],
    ['one that is too long', lines + 'x'.repeat(50_000), /^x{20000}$/]
  ])('is the oldest: %s', (_, whole, pattern) => {
    const { text, left } = shown(stream(whole));
    expect(text).toMatch(pattern);
    expect(whole.endsWith(text)).toBe(true);
    expect(text.length + left).toBe(whole.length);
  });

  it('is the same in pieces', () => {
    const pieces = lines.match(/[^]{1,997}/g)!;
    expect(shown(pieces.reduce(appended, stream('')))).toEqual(shown(stream(lines)));
  });

  it('is nothing of a long progress bar: it is one line', () => {
    const bar = Array.from({ length: 20_000 }, (_, index) => `\rprogress ${index}`).join('');
    expect(shown(stream(bar))).toEqual({ text: 'progress 19999', left: 0 });
  });
});

describe('appended', () => {
  it('leaves the output before as it was, and keeps the text as it came', () => {
    const before = stream('50%');
    shown(before);
    const after = appended(before, '\r60%');
    expect([before.text, after.text]).toEqual(['50%', '50%\r60%']);
    expect([before, after].map(output => shown(output).text)).toEqual(['50%', '60%']);
  });

  it('reads what was shown before only once', () => {
    const output = stream('50%');
    shown(output);
    output.text = 'it was read again';
    expect(shown(appended(output, '\r6')).text).toBe('60%');
  });
});
