import { PathExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { UUID } from '@lumino/coreutils';
import { Debouncer } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';

import type { ITrainingManager } from '../tokens';
import type { JobSummary, Resubmission, Submission } from '../types';
import { Api, type Verb } from './api';
import { Channel, type IChannel } from './channel';
import { ImagesModel } from './images';
import { insist } from './insist';
import { JobModel } from './job';
import { JobsModel } from './jobs';
import { LogModel } from './log';
import { MetricsModel } from './metrics';
import { NotebookModel } from './notebook';
import { PlacesModel } from './places';
import { readSnapshot } from './snapshots';

/** How long to wait after jobs changed before looking at what is free, in milliseconds. */
const SETTLE = 1000;

/** A submission on its way. */
export interface ISubmitting {
  /** Of what is submitted: the notebook, the sample, the old job. */
  name: string;
  /** Settles with what came of it. */
  job: Promise<JobSummary>;
}

/** Something that was done to a job from here. */
export interface IAction {
  job: JobSummary;
  verb: Verb;
}

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

  get images(): ImagesModel {
    this._images ??= new ImagesModel(this.api, this.channel);
    return this._images;
  }

  get submitting(): ISignal<this, ISubmitting> {
    return this._submitting;
  }

  get submitted(): ISignal<this, JobSummary> {
    return this._submitted;
  }

  get acted(): ISignal<this, IAction> {
    return this._acted;
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
    this._images?.dispose();
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

  submit(submission: Submission): Promise<JobSummary> {
    const once = { ...submission, token: submission.token ?? UUID.uuid4() };
    return this._submit(
      PathExt.basename(submission.notebook),
      insist(() => this.api.submit(once))
    );
  }

  resubmit(id: string, changes: Resubmission = {}): Promise<JobSummary> {
    const once = { ...changes, token: changes.token ?? UUID.uuid4() };
    return this._submit(
      this.jobs.get(id)?.name ?? id,
      insist(() => this.api.resubmit(id, once))
    );
  }

  runSample(name: string): Promise<JobSummary> {
    const title = this.places.samples?.find(sample => sample.name === name)?.title ?? name;
    const once = { token: UUID.uuid4() };
    return this._submit(
      title,
      insist(() => this.api.runSample(name, once))
    );
  }

  async act(id: string, verb: Verb): Promise<JobSummary> {
    const before = this.jobs.get(id);
    const job = await this.api.act(id, verb);
    this._apply(job, before);
    this._acted.emit({ job, verb });
    return job;
  }

  async delete(id: string): Promise<void> {
    await this.api.delete(id);
    this.jobs.remove(id);
  }

  private _submit(name: string, answer: Promise<JobSummary>): Promise<JobSummary> {
    const job = this._submittedAs(answer);
    this._submitting.emit({ name, job });
    return job;
  }

  private async _submittedAs(answer: Promise<JobSummary>): Promise<JobSummary> {
    const job = await answer;
    this._apply(job, undefined);
    this._submitted.emit(job);
    return job;
  }

  /** What was pushed since the question was asked is newer than the answer. */
  private _apply(job: JobSummary, before: JobSummary | undefined): void {
    if (this.jobs.get(job.id) === before) {
      this.jobs.apply(job);
    }
  }

  private readonly _settle: Debouncer;
  private readonly _submitting = new Signal<this, ISubmitting>(this);
  private readonly _submitted = new Signal<this, JobSummary>(this);
  private readonly _acted = new Signal<this, IAction>(this);
  private _jobs: JobsModel | null = null;
  private _images: ImagesModel | null = null;
  private _isDisposed = false;
}

export namespace TrainingManager {
  /** What a manager is made of; the default is the server that the page came from. */
  export interface IOptions {
    serverSettings?: ServerConnection.ISettings;
    channel?: IChannel;
  }
}
