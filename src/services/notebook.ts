import type { CellState, Notebook, NotebookChanged, Progress } from '../types';
import type { IChannel } from './channel';
import type { TopicData } from './snapshots';
import { appended, type Output } from './stream';
import { TopicModel } from './topic';

/**
 * The executed notebook as far as it has come. Its outputs are untrusted.
 *
 * Cells are immutable values: a cell that changed is a new object, and so is each output that changed.
 */
export class NotebookModel extends TopicModel {
  constructor(id: string, channel: IChannel) {
    super(channel, `notebook/${id}`);
  }

  get cells(): readonly CellState[] {
    return this._notebook.cells;
  }

  /** nbformat's metadata: kernelspec, language_info ... */
  get metadata(): Readonly<Record<string, unknown>> {
    return this._notebook.metadata;
  }

  get progress(): Progress | null {
    return this._notebook.progress;
  }

  /** What ended the run, in words; `''` if nothing did. */
  get failure(): string {
    return this._notebook.error;
  }

  protected take(data: TopicData): boolean {
    if (data.type === 'notebook') {
      this._notebook = data.notebook;
      return true;
    }
    if (data.type === 'notebookChanged') {
      this._change(data);
      return true;
    }
    return false;
  }

  private _change({ cells: changed, outputs, texts, progress, error }: NotebookChanged): void {
    const cells = [...this.cells];
    for (const [key, cell] of Object.entries(changed)) {
      cells[Number(key)] = cell;
    }
    for (const { cell, output, value } of outputs) {
      replaceOutput(cells, cell, output, () => value);
    }
    for (const { cell, output, text } of texts) {
      replaceOutput(cells, cell, output, before => appended(before, text));
    }
    this._notebook = { ...this._notebook, cells, progress: progress ?? this.progress, error };
  }

  private _notebook: Notebook = { metadata: {}, cells: [], progress: null, error: '' };
}

function replaceOutput(cells: CellState[], cell: number, index: number, make: (before?: Output) => Output): void {
  const state = cells[cell];
  if (!state) {
    return;
  }
  const outputs = [...((state.cell.outputs as Output[] | undefined) ?? [])];
  outputs[index] = make(outputs[index]);
  cells[cell] = { ...state, cell: { ...state.cell, outputs } };
}
