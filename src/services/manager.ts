import { ServerConnection } from '@jupyterlab/services';
import { Debouncer } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';

import type { ITrainingManager } from '../tokens';
import type { JobSummary, Resubmission, Submission } from '../types';
import { Api, type Verb } from './api';
import { Channel, type IChannel } from './channel';
import { JobModel } from './job';
import { JobsModel } from './jobs';
import { LogModel } from './log';
import { MetricsModel } from './metrics';
import { NotebookModel } from './notebook';
import { PlacesModel } from './places';
import { readSnapshot } from './snapshots';

/** How long to wait after jobs changed before looking at what is free, in milliseconds. */
const SETTLE = 1000;

/** The front end's one door to the server. */
export class TrainingManager implements ITrainingManager {
  constructor(options: TrainingManager.IOptions = {}) {
    const serverSettings = options.serverSettings ?? ServerConnection.makeSettings();
    this.api = new Api(serverSettings);
    this.channel =
      options.channel ??
      new Channel({ serverSettings, readSnapshot: (topic, limit) => readSnapshot(this.api, topic, limit) });
    this.places = new PlacesModel(this.api);
    this._settle = new Debouncer(() => this.places.refreshInventories(), SETTLE);
  }

  readonly api: Api;
  readonly channel: IChannel;
  readonly places: PlacesModel;

  get jobs(): JobsModel {
    if (!this._jobs) {
      this._jobs = new JobsModel(this.api, this.channel);
      this._jobs.phaseChanged.connect(() => void this._settle.invoke());
    }
    return this._jobs;
  }

  get submitted(): ISignal<this, JobSummary> {
    return this._submitted;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._settle.dispose();
    this._jobs?.dispose();
    this.places.dispose();
    this.channel.dispose();
    Signal.clearData(this);
  }

  job(id: string): JobModel {
    return new JobModel(id, this.channel);
  }

  notebook(id: string): NotebookModel {
    return new NotebookModel(id, this.channel);
  }

  metrics(id: string): MetricsModel {
    return new MetricsModel(id, this.channel);
  }

  log(id: string, replica: string): LogModel {
    return new LogModel(id, replica, this.api, this.channel);
  }

  async submit(submission: Submission): Promise<JobSummary> {
    return this._take(await this.api.submit(submission));
  }

  async resubmit(id: string, changes: Resubmission = {}): Promise<JobSummary> {
    return this._take(await this.api.resubmit(id, changes));
  }

  async runSample(name: string): Promise<JobSummary> {
    return this._take(await this.api.runSample(name));
  }

  async act(id: string, verb: Verb): Promise<JobSummary> {
    const job = await this.api.act(id, verb);
    this.jobs.apply(job);
    return job;
  }

  async delete(id: string): Promise<void> {
    await this.api.delete(id);
    this.jobs.remove(id);
  }

  private _take(job: JobSummary): JobSummary {
    this.jobs.apply(job);
    this._submitted.emit(job);
    return job;
  }

  private readonly _settle: Debouncer;
  private readonly _submitted = new Signal<this, JobSummary>(this);
  private _jobs: JobsModel | null = null;
  private _isDisposed = false;
}

export namespace TrainingManager {
  /** What a manager is made of; the default is the server that the page came from. */
  export interface IOptions {
    serverSettings?: ServerConnection.ISettings;
    channel?: IChannel;
  }
}
