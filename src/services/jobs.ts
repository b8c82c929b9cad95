import { Signal, type ISignal } from '@lumino/signaling';

import { TrainingError } from '../request';
import type { JobList, JobSummary, JobsChanged } from '../types';
import type { Api, IJobFilter } from './api';
import type { IChannel } from './channel';
import { Model } from './model';
import type { TopicData } from './snapshots';

/** Rows of a page. */
const PAGE = 200;

/** A job that is in another phase than it was. */
export interface IPhaseChange {
  job: JobSummary;
  /** `''`: it is new. */
  before: string;
}

/**
 * The list of jobs, newest first: pages of those that match the filter, kept up to date by changes.
 *
 * Rows are immutable values; `rows` is a new array after each change.
 */
export class JobsModel extends Model {
  constructor(
    private readonly _api: Api,
    channel: IChannel
  ) {
    super();
    this._subscription = channel.subscribe('jobs', data => this._receive(data), PAGE);
  }

  /** The rows that were loaded, newest first. */
  get rows(): readonly JobSummary[] {
    return this._rows;
  }

  /** How many jobs match the filter; more than rows until all pages are loaded. */
  get total(): number {
    return this._total;
  }

  /** How many jobs there are in each phase, whatever the filter. */
  get counts(): Readonly<Record<string, number>> {
    return this._counts;
  }

  get filter(): Readonly<IJobFilter> {
    return this._filter;
  }

  /** Whether rows are on their way: at first, after a new filter, while a further page is read. */
  get isLoading(): boolean {
    return this._loading !== null || !this._isReady;
  }

  /** Whether the first rows are there. */
  get isReady(): boolean {
    return this._isReady;
  }

  /** Whether there are older rows to load. */
  get hasMore(): boolean {
    return this._next !== null;
  }

  /** Emitted for each job that is in another phase than it was, or that others have made since, whatever the filter. */
  get phaseChanged(): ISignal<this, IPhaseChange> {
    return this._phaseChanged;
  }

  /** Return a job that was seen, in whatever filter. */
  get(id: string): JobSummary | undefined {
    return this._known.get(id);
  }

  /** Show other jobs: first page first. */
  setFilter(filter: IJobFilter): Promise<void> {
    this._filter = { ...filter };
    return this.refresh();
  }

  /** Read the first page anew. */
  refresh(): Promise<void> {
    return this._load(null);
  }

  /** Load the next page, if there is one and none is on its way. */
  async loadMore(): Promise<void> {
    if (this._next !== null && this._loading === null) {
      await this._load(this._next);
    }
  }

  /** Take in a job's newest state, as an action answered it. */
  apply(job: JobSummary): void {
    this._merge([job], []);
    this.emitChanged();
  }

  /** Take out a job that was deleted. */
  remove(id: string): void {
    this._merge([], [id]);
    this.emitChanged();
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._subscription.dispose();
    this._loading?.abort();
    super.dispose();
  }

  private async _load(before: string | null): Promise<void> {
    this._loading?.abort();
    const loading = (this._loading = new AbortController());
    this._since = new Map();
    this.emitChanged();
    try {
      const list = await this._api.jobs(this._filter, PAGE, before, loading.signal);
      if (this._loading === loading) {
        this._loading = null;
        this._takePage(list, before !== null);
      }
    } catch (thrown) {
      if (this._loading === loading) {
        this._loading = null;
        this.setError(TrainingError.from(thrown));
      }
    }
  }

  /** What changed while a page was read is newer than the page. */
  private _takePage(list: JobList, further: boolean): void {
    const since = this._since;
    const jobs = list.jobs.map(job => since.get(job.id) ?? job).filter(job => since.get(job.id) !== null);
    this._take({ ...list, jobs }, further);
    this._merge([...since.values()].filter(isJob), []);
    this.emitChanged();
  }

  private _take(list: JobList, further: boolean): void {
    this.clearError();
    this._isReady = true;
    this._total = list.total;
    this._counts = list.counts;
    this._next = list.next;
    this._notice(list.jobs);
    this._rows = further ? [...new Map([...this._rows, ...list.jobs].map(job => [job.id, job])).values()] : list.jobs;
  }

  private _receive(data: TopicData): void {
    if (data.type === 'jobs') {
      this._snapshot(data.list);
    } else if (data.type === 'jobsChanged') {
      this._delta(data);
    } else if (data.type === 'error') {
      this.setError(new TrainingError(data.error));
    }
  }

  /** A snapshot has no filter: rows that are filtered, and pages that were loaded, are read anew. */
  private _snapshot(list: JobList): void {
    this._notice(list.jobs);
    this._counts = list.counts;
    if (isEmpty(this._filter) && this._loading === null && this._rows.length <= PAGE) {
      this._take(list, false);
      this.emitChanged();
    } else {
      void this.refresh();
    }
  }

  private _delta({ changed, deleted, total, counts }: JobsChanged): void {
    this.clearError();
    this._notice(changed, true);
    this._merge(changed, deleted);
    this._counts = counts;
    if (isEmpty(this._filter)) {
      this._total = total;
    }
    this.emitChanged();
  }

  private _merge(changed: readonly JobSummary[], deleted: readonly string[]): void {
    this._notice(changed);
    deleted.forEach(id => this._known.delete(id));
    const news = new Map<string, JobSummary | null>([
      ...changed.map(job => [job.id, job] as const),
      ...deleted.map(id => [id, null] as const)
    ]);
    news.forEach((job, id) => this._since.set(id, job));
    const before = this._rows.length;
    this._rows = this._withNews(news);
    if (!isEmpty(this._filter)) {
      this._total += this._rows.length - before;
    }
  }

  /** Rows stay where they are; new ones are put in by age, but for those that come with an older page. */
  private _withNews(news: ReadonlyMap<string, JobSummary | null>): readonly JobSummary[] {
    const isWanted = (job: JobSummary | null): job is JobSummary => job !== null && matches(job, this._filter);
    const shown = new Set(this._rows.map(row => row.id));
    const last = this._rows[this._rows.length - 1];
    const added = [...news.values()]
      .filter(isWanted)
      .filter(job => !shown.has(job.id) && (this._next === null || !last || job.createdAt >= last.createdAt));
    // What has not changed matches, since the server said so.
    const kept = this._rows.flatMap(row => (news.has(row.id) ? [news.get(row.id) ?? null].filter(isWanted) : [row]));
    return added.length === 0 ? kept : mergeNewestFirst(kept, added);
  }

  /** What a page brings may be old; what a change brings (`isNews`) has just happened. */
  private _notice(jobs: readonly JobSummary[], isNews = false): void {
    for (const job of jobs) {
      const before = this._known.get(job.id);
      this._known.set(job.id, job);
      if (before ? before.phase !== job.phase : isNews) {
        this._phaseChanged.emit({ job, before: before?.phase ?? '' });
      }
    }
  }

  private readonly _subscription;
  private readonly _phaseChanged = new Signal<this, IPhaseChange>(this);
  private readonly _known = new Map<string, JobSummary>();
  private _since = new Map<string, JobSummary | null>();
  private _rows: readonly JobSummary[] = [];
  private _counts: Readonly<Record<string, number>> = {};
  private _filter: IJobFilter = {};
  private _loading: AbortController | null = null;
  private _isReady = false;
  private _next: string | null = null;
  private _total = 0;
}

/** Whether a job matches a filter: the server's rule. */
export function matches(job: JobSummary, { backend, phases, kind, notebook, text }: IJobFilter): boolean {
  return (
    (!backend || job.backend === backend) &&
    (!phases?.length || phases.includes(job.phase)) &&
    (!kind || job.kind === kind) &&
    (!notebook || isNotebook(notebook, job.notebook)) &&
    (!text || hasText(job, text.toLowerCase()))
  );
}

function isNotebook(wanted: string, path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return path !== '' && [path, name, name.replace(/\.[^.]*$/, '')].includes(wanted);
}

function hasText({ id, name, namespace, notebook, why }: JobSummary, text: string): boolean {
  return [id, name, namespace, notebook, why].some(place => place.toLowerCase().includes(text));
}

function isEmpty({ backend, phases, kind, notebook, text }: IJobFilter): boolean {
  return !backend && !phases?.length && !kind && !notebook && !text;
}

function isJob(job: JobSummary | null): job is JobSummary {
  return job !== null;
}

function mergeNewestFirst(rows: readonly JobSummary[], added: readonly JobSummary[]): readonly JobSummary[] {
  const waiting = [...added].sort((a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0));
  const merged: JobSummary[] = [];
  for (const row of rows) {
    while (waiting.length > 0 && waiting[waiting.length - 1].createdAt >= row.createdAt) {
      merged.push(waiting.pop()!);
    }
    merged.push(row);
  }
  return merged.concat(waiting.reverse());
}
