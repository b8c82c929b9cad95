import type { LogModel } from '../../services/log';
import { Model } from '../../services/model';
import { plainText } from './ansi';

/** Lines that are looked at in one go: some milliseconds. */
const SLICE = 20_000;

/** What is searched. */
export type ISearched = Pick<LogModel, 'length' | 'line' | 'firstNumber' | 'changed'>;

/** Finds a text in a log, also in lines that are still to come. It looks at some lines at a time: the tab stays alive. */
export class LogSearch extends Model {
  constructor(private readonly _log: ISearched) {
    super();
    _log.changed.connect(this._onLog);
  }

  /** Indexes of the lines that hold the text, ascending. Letters match in upper and lower case. */
  get matches(): readonly number[] {
    return this._matches;
  }

  /** Whether there are lines that were not looked at yet. */
  get isSearching(): boolean {
    return this._query !== '' && this._seen < this._log.length;
  }

  get query(): string {
    return this._query;
  }

  /** Find another text; `''` for none. */
  find(text: string): void {
    this._query = text.toLowerCase();
    this._restart();
  }

  override dispose(): void {
    window.clearTimeout(this._timer);
    this._log.changed.disconnect(this._onLog);
    super.dispose();
  }

  private readonly _onLog = (): void => {
    if (this._log.firstNumber !== this._first || this._log.length < this._seen) {
      this._restart();
    } else {
      this._go();
    }
  };

  private _restart(): void {
    this._first = this._log.firstNumber;
    this._matches = [];
    this._seen = 0;
    this.emitChanged();
    this._go();
  }

  private _go(): void {
    if (this.isSearching && this._timer === undefined) {
      this._timer = window.setTimeout(() => this._slice());
    }
  }

  private _slice(): void {
    this._timer = undefined;
    const end = Math.min(this._log.length, this._seen + SLICE);
    for (; this._seen < end; this._seen++) {
      if (plainText(this._log.line(this._seen)).toLowerCase().includes(this._query)) {
        this._matches.push(this._seen);
      }
    }
    this.emitChanged();
    this._go();
  }

  private _first: number | null = null;
  private _matches: number[] = [];
  private _query = '';
  private _seen = 0;
  private _timer: number | undefined;
}

/** Return the place in ascending `matches` of the first that is at or after a line; their number if there is none. */
export function placeOf(matches: readonly number[], line: number): number {
  let [low, high] = [0, matches.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (matches[middle] < line) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
