import type { ServerConnection } from '@jupyterlab/services';

import { request, requestBytes, routeUrl } from '../request';
import type {
  Backends,
  DockerfileRequest,
  Events,
  Export,
  ExportRequest,
  ImageBuild,
  ImageBuilds,
  ImagePlan,
  ImagePlanRequest,
  ImageRequest,
  ImageSettings,
  Inventory,
  Job,
  JobList,
  JobSummary,
  LogPage,
  Manifest,
  Metrics,
  Plan,
  Provenance,
  Resubmission,
  SampleCopy,
  SampleRun,
  Samples,
  SavedDockerfile,
  Submission
} from '../types';

/** Which jobs are wanted; what is left out lets all through. */
export interface IJobFilter {
  backend?: string;
  phases?: readonly string[];
  kind?: string;
  /** Path, file name or stem. */
  notebook?: string;
  text?: string;
}

/** What can be done to a job by a bare word. */
export type Verb = 'cancel' | 'suspend' | 'resume';

/** The routes of the server extension, one method for each; all throw TrainingError. */
export class Api {
  constructor(readonly settings: ServerConnection.ISettings) {}

  jobs(filter: IJobFilter = {}, limit = 100, before: string | null = null, signal?: AbortSignal): Promise<JobList> {
    const { phases, ...rest } = filter;
    return this._get(['jobs'], { ...rest, phase: phases, limit, before }, signal);
  }

  job(id: string): Promise<Job> {
    return this._get(['jobs', id]);
  }

  manifest(id: string): Promise<Manifest> {
    return this._get(['jobs', id, 'manifest']);
  }

  events(id: string): Promise<Events> {
    return this._get(['jobs', id, 'events']);
  }

  metrics(id: string): Promise<Metrics> {
    return this._get(['jobs', id, 'metrics']);
  }

  /** The executed notebook as far as it has come, nbformat 4: untrusted. */
  notebook(id: string): Promise<Record<string, unknown>> {
    return this._get(['jobs', id, 'notebook']);
  }

  provenance(id: string): Promise<Provenance> {
    return this._get(['jobs', id, 'provenance']);
  }

  /** Lines of a replica's log: those after a cursor, the last `tail` ones, or from the beginning. */
  log(
    id: string,
    replica: string,
    where: { after?: string | null; tail?: number; limit?: number } = {},
    signal?: AbortSignal
  ): Promise<LogPage> {
    return this._get(['jobs', id, 'logs'], { replica, ...where }, signal);
  }

  /** Where a browser downloads the whole log as text. */
  logUrl(id: string, replica: string): string {
    return routeUrl(this.settings, ['jobs', id, 'logs', replica]);
  }

  /** What a submission would do. Has no effects. */
  plan(submission: Submission, signal?: AbortSignal): Promise<Plan> {
    return request(this.settings, ['plans'], { method: 'POST', body: submission, signal });
  }

  export(wanted: ExportRequest): Promise<Export> {
    return this._post(['plans', 'export'], wanted);
  }

  submit(submission: Submission): Promise<JobSummary> {
    return this._post(['jobs'], submission);
  }

  act(id: string, verb: Verb): Promise<JobSummary> {
    return this._post(['jobs', id, verb]);
  }

  resubmit(id: string, changes: Resubmission = {}): Promise<JobSummary> {
    return this._post(['jobs', id, 'resubmit'], changes);
  }

  delete(id: string): Promise<void> {
    return request(this.settings, ['jobs', id], { method: 'DELETE' });
  }

  /** What the build of an image would do. Has no effects; may take seconds. */
  imagePlan(wanted: ImagePlanRequest, signal?: AbortSignal): Promise<ImagePlan> {
    return request(this.settings, ['images', 'plan'], { method: 'POST', body: wanted, signal });
  }

  imageSettings(notebook: string): Promise<ImageSettings> {
    return this._get(['images', 'settings'], { notebook });
  }

  /** The builds of images that go on, and the last ones, newest first. */
  images(): Promise<ImageBuilds> {
    return this._get(['images']);
  }

  buildImage(wanted: ImageRequest): Promise<ImageBuild> {
    return this._post(['images'], wanted);
  }

  /** Cancel a build; forget one that has ended. */
  deleteImage(id: string): Promise<void> {
    return request(this.settings, ['images', id], { method: 'DELETE' });
  }

  /** The Dockerfile of an image in the folder that it is built in: a .tar.gz. */
  dockerfile(wanted: DockerfileRequest): Promise<Blob> {
    return requestBytes(this.settings, ['images', 'dockerfile'], { method: 'POST', body: wanted });
  }

  /** Write the same beside the notebook. */
  saveDockerfile(wanted: DockerfileRequest): Promise<SavedDockerfile> {
    return this._post(['images', 'dockerfile', 'save'], wanted);
  }

  backends(): Promise<Backends> {
    return this._get(['backends']);
  }

  devices(backend: string): Promise<Inventory> {
    return this._get(['devices'], { backend });
  }

  samples(): Promise<Samples> {
    return this._get(['samples']);
  }

  openSample(name: string): Promise<SampleCopy> {
    return this._post(['samples', name, 'open']);
  }

  runSample(name: string, body: SampleRun): Promise<JobSummary> {
    return this._post(['samples', name, 'run'], body);
  }

  private _get<T>(parts: string[], query = {}, signal?: AbortSignal): Promise<T> {
    return request(this.settings, parts, { query, signal });
  }

  private _post<T>(parts: string[], body: unknown = {}): Promise<T> {
    return request(this.settings, parts, { method: 'POST', body });
  }
}
