import { describe, expect, it } from 'vitest';

import { parseAnsi, plainText } from '../ansi';

describe('parseAnsi', () => {
  it.each([
    ['plain', [['plain', '']]],
    ['a\x1b[31mb\x1b[0mc', [['a', ''], ['b', 'ansi-red-fg'], ['c', '']]], // prettier-ignore
    ['\x1b[1;92;44mx', [['x', 'ansi-bold ansi-green-intense-fg ansi-blue-bg']]],
    ['\x1b[31;7mx', [['x', 'ansi-default-inverse-fg ansi-red-bg']]],
    ['\x1b[2K\x1b[1Gx\x1b]0;title\x07y', [['xy', '']]], // prettier-ignore
    ['\x1b[7mx', [['x', 'ansi-default-inverse-fg ansi-default-inverse-bg']]],
    ['\x1b[38;5;3mx', [['x', 'ansi-yellow-fg']]],
    ['\x1b[31m', []]
  ])('%j', (line, segments) => {
    expect(parseAnsi(line).segments.map(({ text, className }) => [text, className])).toEqual(segments);
  });

  it.each([
    ['\x1b[38;2;1;2;300mx', { color: 'rgb(1 2 255)' }],
    ['\x1b[48;5;196mx', { backgroundColor: 'rgb(255 0 0)' }],
    ['\x1b[38;5;232mx', { color: 'rgb(8 8 8)' }],
    ['\x1b[3mx', { fontStyle: 'italic' }]
  ])('gives %j its own colour', (line, style) => {
    expect(parseAnsi(line).segments[0].style).toEqual(style);
  });

  it('lets no text of a colour reach the style sheet', () => {
    expect(parseAnsi('\x1b[38;2;1;2mx').segments[0].style).toEqual({ color: 'rgb(1 2)' });
  });

  it.each([
    ['1/3\r2/3\r3/3', '3/3'],
    ['done\r', 'done'],
    ['\r', ''],
    ['progress 100%\rdone', 'doneress 100%'],
    ['progress 100%\r\x1b[Kdone', 'done'],
    ['\x1b[2K\r50%\x1b[2K\r60%', '60%'],
    ['abc\b\b\bXYZ', 'XYZ'],
    ['abc\b\bX', 'aXc'],
    ['abc\b', 'abc'],
    ['\b\ba', 'a'],
    ['\x1b[32m50%\x1b[0m\r\x1b[32m100%\x1b[0m', '100%']
  ])('shows what a terminal shows in the end of %j', (line, text) => {
    expect(plainText(line)).toBe(text);
  });

  it('leaves each character the style that it was written in', () => {
    const { segments } = parseAnsi('\x1b[31mabcd\x1b[0m\rX\x1b[32mY\b\b');
    expect(segments.map(({ text, className }) => [text, className])).toEqual([
      ['X', ''],
      ['Y', 'ansi-green-fg'],
      ['cd', 'ansi-red-fg']
    ]);
  });

  it.each([
    ['abc', 'ab'],
    ['a\x1b[31mbc', 'ab'],
    ['longer\rabc\x1b[K', 'ab']
  ])('cuts %j, and counts what it leaves out', (line, text) => {
    const { segments, left } = parseAnsi(line, 2);
    expect([segments.map(segment => segment.text).join(''), left]).toEqual([text, 1]);
  });

  it.each(['a\x1b[31mb\x1b[K\x1b[0m c\x1b[', 'a\x1b[2Kb', 'abc\r\x1b[31md'])(
    'keeps of %j the text that plainText keeps',
    line => {
      expect(
        parseAnsi(line)
          .segments.map(({ text }) => text)
          .join('')
      ).toBe(plainText(line));
    }
  );
});
