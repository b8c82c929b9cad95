import type { IOutput } from '@jupyterlab/nbformat';

/** Characters of a stream that are drawn: its newest. Each piece that comes draws them anew. */
const LONGEST = 30_000;

/** Return a text; nbformat allows it as one string or as a list of lines. */
export function textOf(text: unknown): string {
  return Array.isArray(text) ? text.join('') : typeof text === 'string' ? text : '';
}

/** Return what is drawn of an output, and how many characters before it are left out. */
export function bounded(output: IOutput): { value: IOutput; left: number } {
  if (output.output_type !== 'stream') {
    return { value: output, left: 0 };
  }
  const text = textOf(output.text);
  if (text.length <= LONGEST) {
    return { value: output, left: 0 };
  }
  // From the beginning of a line, if the lines are not as long as all that.
  const cut = text.length - LONGEST;
  const lineEnd = text.indexOf('\n', cut);
  const start = lineEnd >= 0 && lineEnd < text.length - 1 ? lineEnd + 1 : cut;
  return { value: { ...output, text: text.slice(start) }, left: start };
}
