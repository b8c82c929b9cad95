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

// ECMA-48: control sequences (CSI), operating system commands (OSC), and other escapes of two characters; and what moves
// the cursor to the beginning of the line or back by a character each.
// eslint-disable-next-line no-control-regex -- they are what is looked for
const TOKEN = /\x1b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])|\r|[\b]+/g;

// What takes away characters that were there before.
// eslint-disable-next-line no-control-regex -- as above
const OVERWRITTEN = /[\r\b]|\x1b\[2K/;

/** Return a line as it is read: without escape sequences, and without what was overwritten. */
export function plainText(line: string): string {
  return OVERWRITTEN.test(line) ? rowOf(line).text : line.replace(TOKEN, '');
}

/**
 * Return what a terminal shows of a line, as runs of text with their styles (SGR), and how many characters after the
 * first `limit` are left out. Each line begins plain.
 */
export function parseAnsi(line: string, limit = Infinity): { segments: ISegment[]; left: number } {
  const { text, styles } = rowOf(line);
  const length = Math.min(text.length, limit);
  const segments: ISegment[] = [];
  for (let start = 0, end = 0; start < length; start = end) {
    end = styles.length === 0 ? length : start + 1;
    while (end < length && styles[end] === styles[start]) {
      end++;
    }
    segments.push({ text: text.slice(start, end), ...look(styles[start] ?? PLAIN) });
  }
  return { segments, left: text.length - length };
}

/** A row of a terminal: its characters, the style of each, and where the next one goes. */
class Row {
  get text(): string {
    return this._characters.join('');
  }

  get styles(): readonly IStyle[] {
    return this._styles;
  }

  write(text: string): void {
    for (let index = 0; index < text.length; index++, this._column++) {
      this._characters[this._column] = text[index];
      this._styles[this._column] = this._style;
    }
  }

  /** Do what a match of TOKEN says; what is not known here changes nothing. */
  obey([token, parameters, command]: RegExpMatchArray): void {
    if (token === '\r') {
      this._column = 0;
    } else if (token[0] === '\b') {
      this._column = Math.max(0, this._column - token.length);
    } else if (command === 'm') {
      this._style = restyled(this._style, parameters);
    } else if (command === 'K') {
      this._erase(parameters === '2');
    }
  }

  /** Erase from the cursor on, or all (EL). */
  private _erase(isAll: boolean): void {
    this._characters.length = this._styles.length = this._column;
    if (isAll) {
      this._characters.fill(' ');
      this._styles.fill(PLAIN);
    }
  }

  private readonly _characters: string[] = [];
  private readonly _styles: IStyle[] = [];
  private _column = 0;
  private _style = PLAIN;
}

/** Return what is left of a line when it has been written. Where there are no styles, all is plain. */
function rowOf(line: string): Pick<Row, 'text' | 'styles'> {
  if (!line.includes('\x1b') && !OVERWRITTEN.test(line)) {
    return { text: line, styles: [] };
  }
  const row = new Row();
  let end = 0;
  for (const match of line.matchAll(TOKEN)) {
    row.write(line.slice(end, match.index));
    row.obey(match);
    end = match.index + match[0].length;
  }
  row.write(line.slice(end));
  return row;
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
    inverse && front === null && 'ansi-default-inverse-fg',
    inverse && back === null && 'ansi-default-inverse-bg',
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
