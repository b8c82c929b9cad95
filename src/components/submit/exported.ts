import { TrainingError } from '../../request';
import type { Api } from '../../services/api';
import type { ExportRequest, Finding } from '../../types';

/** A notebook written as something else, or why it is not. */
export interface IDocument {
  text: string;
  findings: readonly Finding[];
  error: TrainingError | null;
}

/** A form that a notebook is written in when someone looks at it, and anew when it would be another text. */
export class Exported {
  constructor(
    private readonly _api: Api,
    private readonly _changed: () => void
  ) {}

  /** null: not made yet. */
  get document(): IDocument | null {
    return this._document;
  }

  /** Have it made, unless it is there. `program`: what is written, since the notebook may change under its path. */
  async load(wanted: ExportRequest, program: string | undefined): Promise<void> {
    const key = JSON.stringify([wanted, program]);
    if (key === this._key) {
      return;
    }
    this._key = key;
    const made = await this._api.export(wanted).then(
      (answer): IDocument => ({ ...answer, error: null }),
      (thrown: unknown): IDocument => ({ text: '', findings: [], error: TrainingError.from(thrown) })
    );
    if (key === this._key) {
      this._document = made;
      this._changed();
    }
  }

  /** Have it made anew the next time. */
  forget(): void {
    this._key = '';
    this._document = null;
    this._changed();
  }

  private _document: IDocument | null = null;
  private _key = '';
}
