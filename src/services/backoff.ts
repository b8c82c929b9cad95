/** Waits that double, up to a limit, each with jitter: a server that comes back is not met by all clients at once. */
export class Backoff {
  constructor(
    private readonly _first = 500,
    private readonly _limit = 30_000,
    private readonly _random: () => number = Math.random
  ) {}

  /** Milliseconds to wait: between half and the whole of the next step. */
  next(): number {
    const step = Math.min(this._limit, this._first * 2 ** this._attempts);
    this._attempts += 1;
    return step * (0.5 + this._random() / 2);
  }

  reset(): void {
    this._attempts = 0;
  }

  private _attempts = 0;
}
