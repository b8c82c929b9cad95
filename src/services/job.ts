import type { Job, JobSummary } from '../types';
import type { IChannel } from './channel';
import type { TopicData } from './snapshots';
import { TopicModel } from './topic';

/** One job with its conditions, replicas and events, kept up to date. */
export class JobModel extends TopicModel {
  constructor(
    readonly id: string,
    channel: IChannel
  ) {
    super(channel, `job/${id}`);
  }

  /** The job as it is; as it last was, if it was deleted; null before the first answer. */
  get job(): Job | null {
    return this._job;
  }

  get summary(): JobSummary | null {
    return this._job?.summary ?? null;
  }

  get isDeleted(): boolean {
    return this._isDeleted;
  }

  protected take(data: TopicData): boolean {
    if (data.type === 'job') {
      this._job = data.job;
      return true;
    }
    this._isDeleted = this._isDeleted || data.type === 'jobDeleted';
    return data.type === 'jobDeleted';
  }

  private _job: Job | null = null;
  private _isDeleted = false;
}
