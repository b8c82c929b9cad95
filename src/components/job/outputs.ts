import type { IOutput } from '@jupyterlab/nbformat';

import { shown } from '../../services/stream';

/** Return what is drawn of an output, and how many characters before it are left out. */
export function bounded(output: IOutput): { value: IOutput; left: number } {
  if (output.output_type !== 'stream') {
    return { value: output, left: 0 };
  }
  const { text, left } = shown(output);
  return { value: { ...output, text }, left };
}
