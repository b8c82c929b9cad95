/** Lines of a chunk. */
const CHUNK = 4096;

/** A long list of lines: appending is cheap, and above a limit the oldest are dropped a chunk at a time. */
export class LineBuffer {
  /** By default as many as can be scrolled: see LogLines. */
  constructor(private readonly _limit = 1_050_000) {}

  /** How many lines there are. */
  get length(): number {
    return this._length;
  }

  /** How many lines were dropped at the beginning. */
  get dropped(): number {
    return this._dropped;
  }

  /** Return a line, counted from 0; `''` where there is none. */
  at(index: number): string {
    return this._chunks[Math.floor(index / CHUNK)]?.[index % CHUNK] ?? '';
  }

  /** Add lines at the end. */
  append(lines: readonly string[]): void {
    for (let start = 0; start < lines.length;) {
      let last = this._chunks[this._chunks.length - 1];
      if (!last || last.length === CHUNK) {
        last = [];
        this._chunks.push(last);
      }
      const part = lines.slice(start, start + CHUNK - last.length);
      last.push(...part);
      start += part.length;
    }
    this._length += lines.length;
    this._drop();
  }

  private _drop(): void {
    const chunks = Math.ceil((this._length - this._limit) / CHUNK);
    if (chunks > 0) {
      this._chunks.splice(0, chunks);
      this._length -= chunks * CHUNK;
      this._dropped += chunks * CHUNK;
    }
  }

  private readonly _chunks: string[][] = [];
  private _length = 0;
  private _dropped = 0;
}
