// Made by tools/make_types.py from jupyter_mltrain/server/wire: change that, then run `make types`.

/** One place that runs jobs. */
export interface BackendInfo {
  name: string;
  title: string;
  available: boolean;
  /** Why it is not available. */
  why: string;
  kinds: readonly string[];
  suspend: boolean;
  gpus: boolean;
  images: boolean;
}

/** The places that may be used; the first is the default. */
export interface Backends {
  backends: readonly BackendInfo[];
}

/** An image that was made. */
export interface BuiltImage {
  /** Of the manifest, or of the index where there are several platforms. */
  digest: string;
  /** `registry/repository@digest`; empty: it was not pushed. */
  reference: string;
  /** Platform -> digest of its manifest. */
  platforms: Record<string, string>;
  /** Bytes that travelled. */
  pushed: number;
  /** Bytes that the registry took from another repository. */
  mounted: number;
  /** Bytes that the registry had. */
  present: number;
  /** Bytes of wheels that were downloaded. */
  fetched: number;
  seconds: number;
}

/** An output to put in the place of another, or, with an index one past the end, after the last one. */
export interface CellOutput {
  cell: number;
  output: number;
  /** nbformat 4: untrusted. */
  value: Record<string, unknown>;
}

/** A cell of the live notebook. `cell` is nbformat 4, outputs included: untrusted. */
export interface CellState {
  cell: Record<string, unknown>;
  status: "pending" | "running" | "completed" | "failed";
  seconds: number | null;
  /** Seconds since the epoch, while it runs. */
  startedAt: number | null;
}

export type ClientMessage = Subscribe | Unsubscribe | Ping;

/** A condition of the job, in the operator's order. */
export interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
  lastUpdateTime: string;
  lastTransitionTime: string;
}

/** One group of equal accelerators. */
export interface Device {
  product: string;
  total: number;
  free: number;
  memory: number | null;
  node: string;
  taints: readonly string[];
}

/** The body of `POST images/dockerfile` and `POST images/dockerfile/save`. */
export interface DockerfileRequest {
  submission: Submission;
  image?: ImageOptions;
  /** Hand it out in spite of findings that are errors. */
  force?: boolean;
}

/** What went wrong: the body of every answer from 400 on, and of an `error` message. */
export interface Error {
  /** A stable word, e.g. `not-found`. */
  code: string;
  /** One sentence: what was tried and what was wrong. */
  message: string;
  /** What to do about it. */
  hint: string;
  /** `field` points at the input that is wrong; others depend on the code. */
  details: Record<string, unknown>;
}

/** A topic cannot be followed, or a message was not understood. */
export interface ErrorMessage {
  type: "error";
  error: Error;
}

/** An event on the job or one of its replicas. */
export interface Event {
  type: "Normal" | "Warning";
  reason: string;
  message: string;
  time: string;
  count: number;
  object: string;
}

/** A job's events, oldest first. */
export interface Events {
  events: readonly Event[];
}

/** A notebook written as something else; the answer of `POST plans/export`. */
export interface Export {
  text: string;
  findings: readonly Finding[];
}

/** Which form. */
export interface ExportRequest {
  submission: Submission;
  what: "script" | "manifest" | "dockerfile";
  /** Of the Dockerfile: base, environment and platforms; null: as the settings say. */
  image?: ImageOptions | null;
}

/** One thing that a check noticed. */
export interface Finding {
  code: string;
  severity: "error" | "warning" | "info";
  message: string;
  hint: string;
  where: Record<string, unknown>;
  /** What would mend it: a field's path -> its value, null to leave it out; `parameters.NAME` is a parameter. */
  fix: Record<string, unknown>;
}

/** One build on this server. */
export interface ImageBuild {
  id: string;
  /** Path as the contents manager names it. */
  notebook: string;
  /** Where it goes; empty: only into the server's cache. */
  repository: string;
  /** Hash of the program that is in it; empty: nobody has looked yet. */
  program: string;
  state: "waiting" | "running" | "succeeded" | "failed" | "cancelled";
  /** It was told to stop, and will at its next step. */
  cancelling: boolean;
  /** How many are to begin before it, and itself; null: it has begun. */
  position: number | null;
  createdAt: string;
  startedAt: string;
  finishedAt: string;
  /** In the order in which they began; of a build that has ended, none. */
  steps: readonly ImageStep[];
  /** From 0 to 1, and never back; null: nothing is known yet of how much there is to do. */
  fraction: number | null;
  image: BuiltImage | null;
  /** Why it failed. */
  error: Error | null;
}

/** What is built on this server, and what was lately, newest first. */
export interface ImageBuilds {
  builds: readonly ImageBuild[];
}

/** One layer. */
export interface ImageLayer {
  /** Of the base; of one large wheel; of all small ones; interpreter, kernel, runner; the notebook and its files. */
  kind: "base" | "wheel" | "wheels" | "environment" | "program";
  title: string;
  /** The registry has it; the server has its bytes; its digest is known, its bytes are elsewhere; nobody made it. */
  state: "present" | "cached" | "known" | "new";
  digest: string;
  /** Bytes as they travel; null: not known before it was made. */
  size: number | null;
  /** Packages in it: `numpy 1.26.4`. */
  contents: readonly string[];
}

/** How the image of a notebook is to be made. */
export interface ImageOptions {
  /** Where it is pushed to, with or without a tag: `registry.example.com/team/recommender`; empty: nowhere. */
  repository?: string;
  /** Image below it; empty: the one that the settings have for framework and GPU. */
  base?: string;
  /** `linux/amd64`, `linux/arm64`; empty: as the settings say, else the server's. */
  platforms?: readonly string[];
  /** File beside the notebook to take the packages from, one of `ImageSettings.environments`; empty: the kernel. */
  environment?: string;
  /** Look again which image the base's tag means. */
  refresh?: boolean;
}

/** What a build would do, before it does anything but look. */
export interface ImagePlan {
  name: string;
  /** Hash. */
  program: string;
  repository: string;
  platforms: readonly PlatformPlan[];
  findings: readonly Finding[];
  notes: readonly string[];
  refused: boolean;
}

/** The body of `POST images/plan`. */
export interface ImagePlanRequest {
  submission: Submission;
  image?: ImageOptions;
}

/** The body of `POST images`. */
export interface ImageRequest {
  submission: Submission;
  image?: ImageOptions;
  /** Build in spite of findings that are errors. */
  force?: boolean;
  /** Idempotency: two requests with one token make one build. */
  token?: string | null;
}

/** What a form for images starts from. */
export interface ImageSettings {
  /** Prefix of repositories; empty: none. */
  repository: string;
  /** Base images by framework: `tensorflow`, `tensorflow-gpu`, `default`. */
  bases: Record<string, string>;
  /** What images are made for where nobody says. */
  platforms: readonly string[];
  /** Files beside the notebook that tell packages, the one that tells most first. */
  environments: readonly string[];
}

/** How far one piece of a build has come. */
export interface ImageStep {
  /** What is done with it. */
  step: "base" | "lock" | "fetch" | "layer" | "push" | "write";
  /** Which piece: a wheel, a layer, a reference. With `step` it tells pieces apart. */
  name: string;
  /** Bytes. */
  done: number;
  /** Bytes; 0: nobody knows. */
  total: number;
  /** `cached`: it was here; `present`: the registry had it; `mounted`: it took it from another repository. */
  state: "running" | "done" | "cached" | "mounted" | "present";
  /** What another tool that does the work says just now: one line. */
  detail: string;
}

/** Builds that are new or changed since, whole. Where one was forgotten, a snapshot comes instead. */
export interface ImagesChanged {
  type: "imagesChanged";
  changed: readonly ImageBuild[];
}

/** All builds that the server knows of, newest first. */
export interface ImagesSnapshot {
  type: "images";
  builds: readonly ImageBuild[];
}

/** What a place has, and what is free. */
export interface Inventory {
  devices: readonly Device[];
  cpus: number | null;
  memory: number | null;
  slots: number | null;
  slotsFree: number | null;
  /** E.g. why no GPU is seen. */
  note: string;
}

/** Everything about one job that changes while it runs, but for logs, metrics and the notebook's cells. */
export interface Job {
  summary: JobSummary;
  conditions: readonly Condition[];
  replicas: readonly Replica[];
  events: readonly Event[];
  manifest: Record<string, unknown>;
  /** As the operator writes it. */
  status: Record<string, unknown>;
  /** URI of the folder with the executed notebook and the model. */
  outputs: string;
  /** The values that this run was given. */
  parameters: Record<string, unknown>;
  /** The same as people write them: whole numbers beyond 2**53 have all digits only here. */
  texts: Record<string, string>;
}

/** The job is gone; nothing more will come on this topic. */
export interface JobDeleted {
  type: "jobDeleted";
  id: string;
}

/** A page of jobs, newest first. */
export interface JobList {
  jobs: readonly JobSummary[];
  /** How many match the filter. */
  total: number;
  /** How many jobs there are in each phase, whatever the filter. */
  counts: Record<string, number>;
  /** Hand it back as `before` for the next page; null: there is none. */
  next: string | null;
}

/** The job as it is now. Every change sends it whole: it is small. */
export interface JobSnapshot {
  type: "job";
  job: Job;
}

/** A row of the list of jobs. */
export interface JobSummary {
  id: string;
  name: string;
  namespace: string;
  /** TFJob, PyTorchJob or Job. */
  kind: string;
  backend: string;
  phase: Phase;
  finished: boolean;
  /** Why it waits or failed, in words. */
  why: string;
  /** It failed because a replica took more memory than it was given: more may help. */
  outOfMemory: boolean;
  /** Path of the notebook as the contents manager names it, or as it was submitted. */
  notebook: string;
  createdAt: string;
  startedAt: string;
  finishedAt: string;
  /** 1 is next; null: not queued. */
  queuePosition: number | null;
  roles: Record<string, RoleStatus>;
  progress: Progress | null;
  /** The newest value of each metric that the leader reported; null: not finite. */
  metrics: Record<string, number | null>;
  /** What can be done with it now. */
  actions: readonly ("cancel" | "suspend" | "resume" | "resubmit" | "delete")[];
}

/** Rows that are new or changed since, and ids that are gone. */
export interface JobsChanged {
  type: "jobsChanged";
  changed: readonly JobSummary[];
  deleted: readonly string[];
  total: number;
  counts: Record<string, number>;
}

/** The newest rows. */
export interface JobsSnapshot {
  type: "jobs";
  list: JobList;
}

/** New lines. */
export interface LogChanged {
  type: "logChanged";
  lines: readonly string[];
  cursor: string | null;
  /** Lines between the last message and this one were left out: this client is slower than the log. */
  skipped: boolean;
  /** The replica is done for good; no more will come. */
  ended: boolean;
}

/** Whole lines of a replica's log, as people read them. */
export interface LogPage {
  lines: readonly string[];
  /** Hand it back as `after` to go on; null: nothing was there. */
  cursor: string | null;
  /** Lines before these are gone (rotated away). */
  truncated: boolean;
  /** There is more to read right now. */
  more: boolean;
  /** Number of the first line, counted from 0; null: only a page that was asked for by number knows it. */
  first: number | null;
  /** Lines that there are now; null as before. */
  total: number | null;
}

/** The newest lines. Forget all that was shown before. */
export interface LogSnapshot {
  type: "log";
  lines: readonly string[];
  cursor: string | null;
  /** There are lines before these: `GET jobs/{id}/logs` has them as far as they were kept. */
  truncated: boolean;
  /** The replica is done for good; no more will come. */
  ended: boolean;
}

/** A job's manifest. */
export interface Manifest {
  manifest: Record<string, unknown>;
  yaml: string;
}

/** What the server sends. `seq` grows by one with each message: a gap means reconnect. */
export interface Message {
  seq: number;
  topic: string;
  data: JobsSnapshot | JobsChanged | JobSnapshot | JobDeleted | NotebookSnapshot | NotebookChanged | MetricsSnapshot | MetricsChanged | LogSnapshot | LogChanged | ImagesSnapshot | ImagesChanged | ErrorMessage | Pong;
}

/** One report of a replica. */
export interface Metric {
  step: number | null;
  /** Seconds since the epoch. */
  time: number;
  /** null: not finite. */
  values: Record<string, number | null>;
  replica: string;
}

/** What a job has reported, oldest first. */
export interface Metrics {
  metrics: readonly Metric[];
}

/** New points. */
export interface MetricsChanged {
  type: "metricsChanged";
  metrics: readonly Metric[];
}

/** All points so far, oldest first. */
export interface MetricsSnapshot {
  type: "metrics";
  metrics: readonly Metric[];
}

/** The executed notebook as far as it has come. */
export interface Notebook {
  metadata: Record<string, unknown>;
  cells: readonly CellState[];
  progress: Progress | null;
  /** What ended it, in words. */
  error: string;
}

/** Cells that changed, by index, whole; then outputs to set and texts to append to streams, in other cells. */
export interface NotebookChanged {
  type: "notebookChanged";
  /** Index as text -> the cell, whole. An index one past the end is a new cell. */
  cells: Record<string, CellState>;
  /** In order; so a cell with many plots is not sent again with each of them. */
  outputs: readonly CellOutput[];
  texts: readonly StreamText[];
  progress: Progress | null;
  error: string;
}

/** The whole notebook. */
export interface NotebookSnapshot {
  type: "notebook";
  notebook: Notebook;
}

/** One word for the state of a job, derived from its conditions. */
export type Phase = "Queued" | "Created" | "Running" | "Restarting" | "Suspended" | "Succeeded" | "Failed" | "Cancelled";

/** Answered with `pong`; a client that hears nothing for 45 s takes the connection for dead. */
export interface Ping {
  type: "ping";
}

/** What a submission would do, before it does anything. */
export interface Plan {
  id: string;
  /** Name that the job would get. */
  name: string;
  parameters: Record<string, unknown>;
  /**
   * The parameters cell as a form: name, type, default | expression | required, help, annotation. `text` is the default
   * as people write it, with all digits.
   */
  form: readonly Record<string, unknown>[];
  /** Hash. */
  program: string;
  requirements: readonly string[];
  /** What is shipped beside the notebook. */
  files: readonly string[];
  framework: string;
  /** The whole `TrainingSpec`, defaults filled in. */
  spec: Record<string, unknown>;
  manifest: Record<string, unknown>;
  yaml: string;
  findings: readonly Finding[];
  notes: readonly string[];
  refused: boolean;
}

/** The image for one platform. */
export interface PlatformPlan {
  platform: string;
  base: string;
  baseDigest: string;
  /** Version of the base's interpreter. */
  python: string;
  /** Digest of the resolved packages. */
  lock: string;
  packages: readonly string[];
  layers: readonly ImageLayer[];
  /** Bytes that would be downloaded; null: nobody can know yet. */
  fetch: number | null;
  /** Bytes that would be pushed; null: nobody can know yet. */
  push: number | null;
}

/** The answer to `ping`, and a heartbeat of its own every 15 s. */
export interface Pong {
  type: "pong";
}

/** How far the leader's notebook has come. */
export interface Progress {
  /** Code cells that have ended. */
  done: number;
  /** Code cells of the notebook. */
  total: number;
  /** Index of the running cell among all cells, from 0. */
  running: number | null;
  /** First line of the running cell, or what the run itself says. */
  title: string;
  /** From 0 to 1: of the cells, or of what the user's code reported within the running one. */
  fraction: number;
}

/** Where a job came from: enough to do it again. */
export interface Provenance {
  /** Hash of the frozen notebook. */
  program: string;
  notebook: string;
  commit: string;
  dirty: boolean | null;
  image: string;
  /** Of this project. */
  version: string;
  parameters: Record<string, unknown>;
  /** The parameters as people write them, with all digits. */
  texts: Record<string, string>;
  requirements: readonly string[];
  channels: Record<string, string>;
  /** Parameters whose names say that they are seeds. */
  seeds: Record<string, unknown>;
  outputUri: string;
}

/** One replica: a pod on a cluster, a process group here. */
export interface Replica {
  name: string;
  role: string;
  index: number;
  phase: string;
  restarts: number;
  exitCode: number | null;
  reason: string;
  message: string;
  node: string;
  devices: readonly string[];
  startedAt: string;
  finishedAt: string;
  /** Bytes. */
  peakMemory: number | null;
  generation: number;
  /** Its executed notebook and model are the job's. */
  leader: boolean;
}

/** The body of `POST jobs/{id}/resubmit`. */
export interface Resubmission {
  /** Values that differ from the old run's. */
  parameters?: Record<string, unknown>;
  /** More of them, as people write them: read by the parameter's type; they win over `parameters`. */
  texts?: Record<string, string>;
  /** `cpu`, `memory`, `gpu` of each replica, where they are to differ, as `TrainingSpec` has them. */
  resources?: Record<string, unknown>;
  name?: string | null;
  token?: string | null;
}

/** How many replicas of a role are where. */
export interface RoleStatus {
  /** How many the manifest asks for. */
  total: number;
  active: number;
  succeeded: number;
  failed: number;
}

/** A sample notebook. */
export interface Sample {
  name: string;
  title: string;
  summary: string;
  framework: string;
  /** Whether what it needs is installed. */
  available: boolean;
  why: string;
}

/** Where a sample was put; the answer of `POST samples/{name}/open`. */
export interface SampleCopy {
  path: string;
}

/** The body of `POST samples/{name}/run`. */
export interface SampleRun {
  /** Of the submission, as :class:`Submission` has it. */
  token: string | null;
}

/** The gallery, the best one first. */
export interface Samples {
  samples: readonly Sample[];
}

/** A Dockerfile that lies beside its notebook. */
export interface SavedDockerfile {
  /** Of the folder or the archive, as the contents manager names it. */
  path: string;
  /** `archive`: a .tar.gz of the folder, where contents are no files, and so know neither links nor modes. */
  kind: "folder" | "archive";
}

/** Text to append to a stream output. */
export interface StreamText {
  cell: number;
  output: number;
  text: string;
}

/** A notebook and how it is to be trained; the body of `POST plans` and `POST jobs`. */
export interface Submission {
  /** Path as the contents manager names it. */
  notebook: string;
  backend?: string;
  /** `TrainingSpec`; without `framework` it is found out from the imports, without `roles` one replica runs. */
  spec?: Record<string, unknown>;
  /** Only the values that differ from the notebook's own. */
  parameters?: Record<string, unknown>;
  /** More of them, as people write them: read by the parameter's type; they win over `parameters`. */
  texts?: Record<string, string>;
  /** Globs of data files to ship, relative to the notebook. */
  include?: readonly string[];
  /** Changes to what the notebook was found to need: name -> `==1.2`, `>=1,<2`, `""`; null leaves it out. */
  requirements?: Record<string, string | null>;
  /** Idempotency: two submissions with one token make one job. */
  token?: string | null;
  /** Submit in spite of findings that are errors. */
  force?: boolean;
}

/** Follow a topic: first comes a snapshot, then deltas. Subscribing again gives a fresh snapshot. */
export interface Subscribe {
  type: "subscribe";
  topic: string;
  /** `jobs`: rows of the snapshot (at most 200). `log/...`: how many of the newest lines (default 1000). */
  limit?: number | null;
}

/** Follow a topic no more. */
export interface Unsubscribe {
  type: "unsubscribe";
  topic: string;
}
