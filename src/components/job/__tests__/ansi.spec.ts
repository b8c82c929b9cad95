import { describe, expect, it } from 'vitest';

import { parseAnsi, plainText } from '../ansi';

describe('parseAnsi', () => {
  it.each([
    ['plain', [['plain', '']]],
    ['a\x1b[31mb\x1b[0mc', [['a', ''], ['b', 'ansi-red-fg'], ['c', '']]], // prettier-ignore
    ['\x1b[1;92;44mx', [['x', 'ansi-bold ansi-green-intense-fg ansi-blue-bg']]],
    ['\x1b[31;7mx', [['x', 'ansi-inverse-fg ansi-red-bg']]],
    ['\x1b[2K\x1b[1Gx\x1b]0;title\x07y', [['x', ''], ['y', '']]], // prettier-ignore
    ['\x1b[38;5;3mx', [['x', 'ansi-yellow-fg']]],
    ['\x1b[31m', []]
  ])('%j', (line, segments) => {
    expect(parseAnsi(line).map(({ text, className }) => [text, className])).toEqual(segments);
  });

  it.each([
    ['\x1b[38;2;1;2;300mx', { color: 'rgb(1 2 255)' }],
    ['\x1b[48;5;196mx', { backgroundColor: 'rgb(255 0 0)' }],
    ['\x1b[38;5;232mx', { color: 'rgb(8 8 8)' }],
    ['\x1b[3mx', { fontStyle: 'italic' }]
  ])('gives %j its own colour', (line, style) => {
    expect(parseAnsi(line)[0].style).toEqual(style);
  });

  it('lets no text of a colour reach the style sheet', () => {
    expect(parseAnsi('\x1b[38;2;1;2mx')[0].style).toEqual({ color: 'rgb(1 2)' });
  });

  it.each([
    ['1/3\r2/3\r3/3', '3/3'],
    ['done\r', 'done'],
    ['\r', ''],
    ['\x1b[32m50%\x1b[0m\r\x1b[32m100%\x1b[0m', '100%']
  ])('shows what a terminal shows in the end of %j', (line, text) => {
    expect(plainText(line)).toBe(text);
  });

  it('keeps the text that plainText keeps', () => {
    const line = 'a\x1b[31mb\x1b[K\x1b[0m c\x1b[';
    expect(
      parseAnsi(line)
        .map(({ text }) => text)
        .join('')
    ).toBe(plainText(line));
  });
});
