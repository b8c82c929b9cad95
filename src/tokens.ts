import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Contents } from '@jupyterlab/services';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { ITranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';

import type { Api, Verb } from './services/api';
import type { IChannel } from './services/channel';
import type { ImagesModel } from './services/images';
import type { JobModel } from './services/job';
import type { JobsModel } from './services/jobs';
import type { LogModel } from './services/log';
import type { IAction, ISubmitting } from './services/manager';
import type { MetricsModel } from './services/metrics';
import type { NotebookModel } from './services/notebook';
import type { PlacesModel } from './services/places';
import type { JobSummary, Resubmission, Submission } from './types';

/** The domain of the translations. */
export const DOMAIN = 'jupyter_mltrain';

/** The id of the extension's first plugin, and of its settings. */
export const PLUGIN_ID = 'jupyter-mltrain:plugin';

/**
 * The front end's one door to the server: models that keep themselves up to date, and actions.
 *
 * Actions throw TrainingError. A model that a method makes is the caller's to dispose; `jobs` and `places` are shared.
 */
export interface ITrainingManager extends IDisposable {
  /** The REST routes, for what is read once: plan, manifest, provenance, export ... */
  readonly api: Api;
  /** How changes come; its `connectionStatus` is worth showing. */
  readonly channel: IChannel;
  /** The list of jobs. Made, and followed, from the first use on. */
  readonly jobs: JobsModel;
  /** The builds of images. Made, and followed, from the first use on. */
  readonly images: ImagesModel;
  /** Where jobs can run, what is free there, and the samples. */
  readonly places: PlacesModel;
  /** Emitted when a submission from this tab is on its way. */
  readonly submitting: ISignal<ITrainingManager, ISubmitting>;
  /** Emitted for each job that was submitted from this tab. */
  readonly submitted: ISignal<ITrainingManager, JobSummary>;
  /** Emitted when a job was cancelled, suspended or resumed from this tab. */
  readonly acted: ISignal<ITrainingManager, IAction>;

  job(id: string): JobModel;
  notebook(id: string): NotebookModel;
  metrics(id: string): MetricsModel;
  log(id: string, replica: string): LogModel;

  submit(submission: Submission): Promise<JobSummary>;
  resubmit(id: string, changes?: Resubmission): Promise<JobSummary>;
  runSample(name: string): Promise<JobSummary>;
  /** Cancel, suspend or resume. */
  act(id: string, verb: Verb): Promise<JobSummary>;
  delete(id: string): Promise<void>;
}

/** The token of the manager. */
export const ITrainingManager = new Token<ITrainingManager>(
  'jupyter-mltrain:ITrainingManager',
  'Submits notebooks as training jobs and follows them.'
);

/** What every widget of the extension is given. */
export interface IServices {
  manager: ITrainingManager;
  /** To run what `CommandIDs` lists, e.g. `commands.execute(CommandIDs.openJob, { id })`. */
  commands: CommandRegistry;
  translator: ITranslator;
  rendermime: IRenderMimeRegistry;
  contents: Contents.IManager;
  /** The extension's settings; null where there are none to be had. */
  settings: ISettingRegistry.ISettings | null;
}
