/** An output as nbformat has it: untrusted. */
export type Output = Record<string, unknown>;

/** Return a text; nbformat allows it as one string or as a list of lines. */
export function textOf(text: unknown): string {
  return Array.isArray(text) ? text.join('') : typeof text === 'string' ? text : '';
}

/**
 * Characters of a stream that are shown: at least the newest of this number, at most twice as many. Each piece that
 * comes draws them anew.
 */
const KEPT = 20_000;

/** What is shown of a stream. */
export interface IShown {
  /** As JupyterLab shows it: without what its writer went back over, as progress bars do. */
  text: string;
  /** How many characters before it are left out. */
  left: number;
}

/** Return what is shown of a stream. */
export function shown(stream: Output): IShown {
  let screen = screens.get(stream);
  if (!screen) {
    screen = written(EMPTY, textOf(stream.text));
    screens.set(stream, screen);
  }
  return { text: screen.lines + screen.last, left: screen.left };
}

/** Return the stream with more text. What was shown of it is not made anew: many pieces are as cheap as one. */
export function appended(stream: Output | undefined, text: string): Output {
  const after = { ...stream, text: textOf(stream?.text) + text };
  const screen = stream && screens.get(stream);
  if (screen) {
    screens.set(after, written(screen, text));
  }
  return after;
}

interface IScreen {
  readonly left: number;
  /** The lines that have ended: they stay. */
  readonly lines: string;
  readonly last: string;
  /** Where in the last line the next character goes. */
  readonly column: number;
}

const EMPTY: IScreen = { left: 0, lines: '', last: '', column: 0 };
const screens = new WeakMap<Output, IScreen>();

function written(screen: IScreen, text: string): IScreen {
  for (const part of text.match(/\n|\r|[\b]+|[^\n\r\b]+/g) ?? []) {
    screen = cut(afterPart(screen, part));
  }
  return screen;
}

/** JupyterLab's rule: OutputAreaModel in @jupyterlab/outputarea has it, for areas that keep their outputs themselves. */
function afterPart({ left, lines, last, column }: IScreen, part: string): IScreen {
  switch (part[0]) {
    case '\n':
      return { left, lines: `${lines}${last}\n`, last: '', column: 0 };
    case '\r':
      return { left, lines, last, column: 0 };
    case '\b': {
      // Each takes away the character before it, and the one after it too.
      const count = Math.min(part.length, column);
      return { left, lines, last: last.slice(0, column - count) + last.slice(column + count), column: column - count };
    }
    default: {
      const end = column + part.length;
      return { left, lines, last: last.slice(0, column) + part + last.slice(end), column: end };
    }
  }
}

/** Leave out the oldest if it has become too much: whole lines, if they are not as long as all that. */
function cut(screen: IScreen): IScreen {
  const { left, lines, last, column } = screen;
  const more = lines.length + last.length - KEPT;
  if (more <= KEPT) {
    return screen;
  }
  if (more <= lines.length) {
    const end = lines.indexOf('\n', more - 1) + 1;
    return { ...screen, left: left + end, lines: lines.slice(end) };
  }
  const start = more - lines.length;
  return { left: left + more, lines: '', last: last.slice(start), column: Math.max(0, column - start) };
}
