import { TrainingError } from '../request';
import type { LogPage } from '../types';
import type { Api } from './api';
import type { IChannel } from './channel';
import { LineBuffer } from './lines';
import type { TopicData } from './snapshots';
import { TopicModel } from './topic';

/** Lines that are shown at first. */
const TAIL = 1000;

/** Lines of a page when all are read; the server may send fewer. */
const PAGE = 50_000;

/**
 * A replica's log: its newest lines at once, all of it on demand, new lines as they come. Lines are untrusted text.
 */
export class LogModel extends TopicModel {
  constructor(
    readonly id: string,
    readonly replica: string,
    private readonly _api: Api,
    channel: IChannel
  ) {
    super(channel, `log/${id}/${replica}`, TAIL);
  }

  /** How many lines are here. */
  get length(): number {
    return this._lines.length;
  }

  /** Return a line, counted from 0. */
  line(index: number): string {
    return this._lines.at(index);
  }

  /** Number of the line at index 0, counted from 0; null: older lines are on the server, their number is unknown. */
  get firstNumber(): number | null {
    return this._isPartial ? null : this._lines.dropped;
  }

  /** Whether there are older lines that `loadAll` would bring. */
  get isPartial(): boolean {
    return this._isPartial;
  }

  /** Whether the oldest lines are gone for good: rotated away there, or dropped here. */
  get isCut(): boolean {
    return this._isCut || this._lines.dropped > 0;
  }

  /** Whether lines are missing in the middle, since they came faster than they could be sent. `loadAll` fills it. */
  get hasGap(): boolean {
    return this._hasGap;
  }

  /** How many lines `loadAll` has read so far; null when it is not at work. */
  get loading(): number | null {
    return this._loading;
  }

  /** Where a browser downloads the whole log. */
  get downloadUrl(): string {
    return this._api.logUrl(this.id, this.replica);
  }

  /**
   * Read the whole log, then go on from its end. From then on messages of the topic are only the bell that tells that
   * there is more to read, so that no line is missed and none comes twice.
   */
  async loadAll(): Promise<void> {
    if (this._loading !== null || this._whole) {
      return;
    }
    this._loading = 0;
    this.emitChanged();
    const lines = new LineBuffer();
    try {
      let truncated = false;
      const cursor = await this._readOn(null, page => {
        truncated ||= page.truncated;
        lines.append(page.lines);
        this._loading = lines.dropped + lines.length;
        this.emitChanged();
      });
      this._become(lines, truncated, cursor);
    } catch (thrown) {
      this.setError(TrainingError.from(thrown));
    } finally {
      this._loading = null;
      this.emitChanged();
    }
  }

  override dispose(): void {
    this._abort.abort();
    super.dispose();
  }

  protected take(data: TopicData): boolean {
    if (data.type !== 'log' && data.type !== 'logChanged') {
      return false;
    }
    if (this._whole) {
      void this._follow();
    } else if (data.type === 'log') {
      this._lines = new LineBuffer();
      this._lines.append(data.lines);
      this._isPartial = data.truncated;
      this._hasGap = false;
    } else {
      this._lines.append(data.lines);
      this._hasGap ||= data.skipped;
    }
    return true;
  }

  private _become(lines: LineBuffer, truncated: boolean, cursor: string | null): void {
    this._lines = lines;
    this._isCut = truncated;
    this._isPartial = this._hasGap = false;
    this._whole = { cursor };
    // What came after the last page was read rang no bell.
    void this._follow();
  }

  /** Read what is new; a bell that rings meanwhile is heard afterwards. */
  private async _follow(): Promise<void> {
    this._rung = true;
    if (!this._whole || this._isFollowing) {
      return;
    }
    this._isFollowing = true;
    try {
      while (this._rung) {
        this._rung = false;
        this._whole.cursor = await this._readOn(this._whole.cursor, page => {
          this._lines.append(page.lines);
          this.emitChanged();
        });
      }
    } catch (thrown) {
      this.setError(TrainingError.from(thrown));
    } finally {
      this._isFollowing = false;
    }
  }

  /** Read pages from a cursor to the end; return the cursor there. */
  private async _readOn(after: string | null, take: (page: LogPage) => void): Promise<string | null> {
    for (;;) {
      const page = await this._api.log(this.id, this.replica, { after, limit: PAGE }, this._abort.signal);
      this._abort.signal.throwIfAborted();
      take(page);
      after = page.cursor ?? after;
      if (!page.more) {
        return after;
      }
    }
  }

  private readonly _abort = new AbortController();
  private _lines = new LineBuffer();
  private _whole: { cursor: string | null } | null = null;
  private _isPartial = false;
  private _isCut = false;
  private _isFollowing = false;
  private _hasGap = false;
  private _loading: number | null = null;
  private _rung = false;
}
