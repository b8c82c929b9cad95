import type { CSSProperties } from 'react';

/** A run of text in one style. */
export interface ISegment {
  text: string;
  /** Rendermime's classes for the 16 colours of terminals. */
  className: string;
  /** Other colours. */
  style?: CSSProperties;
}

type Colour = string | number | null;

interface IStyle {
  bold: boolean;
  italic: boolean;
  underline: boolean;
  inverse: boolean;
  /** Number of one of the 16 colours, or a CSS colour; null: the theme's. */
  fg: Colour;
  bg: Colour;
}

const PLAIN: IStyle = { bold: false, italic: false, underline: false, inverse: false, fg: null, bg: null };
const NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

// ECMA-48: control sequences (CSI), operating system commands (OSC), and other escapes of two characters.
// eslint-disable-next-line no-control-regex -- they are what is looked for
const ESCAPE = /\x1b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])/g;

/** Return what a terminal shows of a line whose writer went back to its beginning, as progress bars do. */
export function overwritten(line: string): string {
  return line.includes('\r') ? (line.split('\r').filter(Boolean).at(-1) ?? '') : line;
}

/** Return a line as it is read: without escape sequences, and without what was overwritten. */
export function plainText(line: string): string {
  const shown = overwritten(line);
  return shown.includes('\x1b') ? shown.replace(ESCAPE, '') : shown;
}

/** Return a line as runs of text with their styles (SGR); other sequences are left out. Each line begins plain. */
export function parseAnsi(line: string): ISegment[] {
  if (!line.includes('\x1b')) {
    return [{ text: line, className: '' }];
  }
  const segments: ISegment[] = [];
  let style = PLAIN;
  let end = 0;
  for (const match of line.matchAll(ESCAPE)) {
    push(segments, line.slice(end, match.index), style);
    end = match.index + match[0].length;
    if (match[2] === 'm') {
      style = restyled(style, match[1]);
    }
  }
  push(segments, line.slice(end), style);
  return segments;
}

function push(segments: ISegment[], text: string, style: IStyle): void {
  if (text) {
    segments.push({ text, ...look(style) });
  }
}

function restyled(before: IStyle, parameters: string): IStyle {
  const codes = parameters.split(/[;:]/).map(Number);
  let style = { ...before };
  while (codes.length > 0) {
    const code = codes.shift()!;
    if (code === 38 || code === 48) {
      style[code === 38 ? 'fg' : 'bg'] = extendedColour(codes);
    } else {
      style = { ...style, ...change(code) };
    }
  }
  return style;
}

function change(code: number): Partial<IStyle> {
  const base = BASES.find(({ first }) => code >= first && code < first + 8);
  return base ? { [base.ground]: code - base.first + base.offset } : (CHANGES[code] ?? {});
}

const BASES = [
  { first: 30, ground: 'fg', offset: 0 },
  { first: 40, ground: 'bg', offset: 0 },
  { first: 90, ground: 'fg', offset: 8 },
  { first: 100, ground: 'bg', offset: 8 }
] as const;

const CHANGES: Readonly<Record<number, Partial<IStyle>>> = {
  0: PLAIN,
  1: { bold: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  22: { bold: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  39: { fg: null },
  49: { bg: null }
};

/** Take `5;n` or `2;r;g;b` off the codes. */
function extendedColour(codes: number[]): Colour {
  const kind = codes.shift();
  if (kind === 2) {
    return `rgb(${codes.splice(0, 3).map(byte).join(' ')})`;
  }
  return kind === 5 ? paletteColour(byte(codes.shift() ?? 0)) : null;
}

/** xterm's 256 colours: 16 of the theme, a cube of 6 x 6 x 6, 24 greys. */
function paletteColour(index: number): Colour {
  if (index < 16) {
    return index;
  }
  if (index >= 232) {
    const grey = 8 + 10 * (index - 232);
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const level = (value: number): number => (value === 0 ? 0 : 55 + 40 * value);
  const cube = index - 16;
  return `rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`;
}

const byte = (value: number): number => Math.min(255, Math.max(0, value || 0));

function look({ bold, italic, underline, inverse, fg, bg }: IStyle): Omit<ISegment, 'text'> {
  const [front, back] = inverse ? [bg, fg] : [fg, bg];
  const classes = [
    bold && 'ansi-bold',
    underline && 'ansi-underline',
    inverse && front === null && 'ansi-inverse-fg',
    inverse && back === null && 'ansi-inverse-bg',
    typeof front === 'number' && `${colourClass(front)}-fg`,
    typeof back === 'number' && `${colourClass(back)}-bg`
  ];
  const style: CSSProperties = {
    ...(typeof front === 'string' && { color: front }),
    ...(typeof back === 'string' && { backgroundColor: back }),
    ...(italic && { fontStyle: 'italic' })
  };
  return { className: classes.filter(Boolean).join(' '), style };
}

const colourClass = (index: number): string => `ansi-${NAMES[index % 8]}${index > 7 ? '-intense' : ''}`;
