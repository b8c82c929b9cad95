import { UUID } from '@lumino/coreutils';
import { Debouncer } from '@lumino/polling';

import { TrainingError } from '../../request';
import { Model } from '../../services/model';
import type { ITrainingManager } from '../../tokens';
import type { Finding, JobSummary, Plan, Submission } from '../../types';
import { EMPTY, frameworkOf, type Change, type IDraft } from './draft';
import { Exported, type IDocument } from './exported';
import { ImageModel, NO_IMAGE } from './image-model';
import { readForm, type IParameter } from './parameters';
import { draftOf } from './prefill';
import { problemsOf, type IProblem } from './problems';
import { asFramework, type Framework } from './roles';
import type { IState, IStore } from './store';
import { toSubmission, type IReading } from './submission';

/** How long to wait for the next key before the server is asked, in milliseconds. */
const PAUSE = 300;

/** Names of the preview's tabs, in their order. */
export const PREVIEWS = ['checks', 'manifest', 'image', 'dockerfile', 'script'] as const;

/** Name of one of the preview's tabs. */
export type PreviewTab = (typeof PREVIEWS)[number];

/** Why there is nothing to submit. */
export type Obstacle =
  | { kind: 'submitting' }
  /** So many fields are wrong. */
  | { kind: 'problems'; count: number }
  /** The notebook, or the place, is not fit for it. */
  | { kind: 'error'; error: TrainingError }
  /** Checks say that it would fail: possible, but only by saying so. */
  | { kind: 'refused'; findings: readonly Finding[] };

/** What is submitted, what the server says of it, and the submission itself. */
export class SubmitModel extends Model {
  constructor(private readonly _options: SubmitModel.IOptions) {
    super();
    this._path = _options.path;
    this._pause = new Debouncer(() => this.replan(), PAUSE);
    const state = _options.store.read();
    this._state = { ...this._state, ...state };
    this._script = new Exported(_options.manager.api, () => this.emitChanged());
    this.image = new ImageModel({
      manager: _options.manager,
      submission: () => withoutValues(this.reading.submission),
      program: () => this._plan?.program,
      ensureSaved: _options.ensureSaved,
      read: () => this._state.image,
      write: image => this._setState({ image }),
      remembered: () => _options.repository?.get() ?? '',
      remember: prefix => _options.repository?.set(prefix)
    });
    void (!state && _options.job ? this.fill(_options.job) : this.replan());
  }

  /** What the notebook's image would be. */
  readonly image: ImageModel;

  /** The notebook, as the contents manager names it. */
  get path(): string {
    return this._path;
  }

  get draft(): IDraft {
    return this._state.draft;
  }

  /** Whether the form stays when its job was submitted. */
  get stays(): boolean {
    return this._state.stays;
  }

  /** What is shown of what would be. */
  get preview(): PreviewTab {
    return this._preview;
  }

  /** What the last submission that was in order would do; null: there was none yet. */
  get plan(): Plan | null {
    return this._plan;
  }

  /** The parameters cell; null: not known yet. */
  get form(): readonly IParameter[] | null {
    return this._form;
  }

  /** What the imports tell; null: not known yet. */
  get detected(): Framework | null {
    return this._state.detected;
  }

  /** What the job will be; null: not known yet. */
  get framework(): Framework | null {
    return frameworkOf(this.draft, this.detected);
  }

  /** Whether what the server said is about what the form said before. */
  get isPlanning(): boolean {
    return this._isPlanning;
  }

  get isSubmitting(): boolean {
    return this._isSubmitting;
  }

  /** The last job that this form has made; null: none, or the form has changed since. */
  get submitted(): JobSummary | null {
    return this._submitted;
  }

  /** The name of the job that the form was filled from, `''`: none. */
  get source(): string {
    return this._source;
  }

  /** Why the last attempt to submit came to nothing. */
  get refusal(): TrainingError | null {
    return this._refusal;
  }

  get script(): IDocument | null {
    return this._script.document;
  }

  /** What the draft is on the wire. */
  get reading(): IReading {
    return toSubmission(this.draft, {
      notebook: this.path,
      form: this._form,
      detected: this.detected,
      backend: this._options.defaultBackend()
    });
  }

  /** The name of the place where the job would run; `''`: the server's first. */
  get place(): string {
    return this.draft.backend || this._options.defaultBackend();
  }

  /** What the server says is wrong, each with the field that it is about. */
  get problems(): readonly IProblem[] {
    return [this.error, this._refusal].flatMap(error => (error ? problemsOf(error, this.draft) : []));
  }

  /** Why it cannot be submitted now; null: nothing is known against it. */
  get obstacle(): Obstacle | null {
    if (this._isSubmitting) {
      return { kind: 'submitting' };
    }
    const faults = Object.keys(this.reading.faults);
    // While the server looks at what was changed, what it said before stands for nothing.
    const problems = this._isPlanning ? [] : this.problems.flatMap(({ field }) => (field ? [field] : []));
    const count = new Set([...faults, ...problems]).size;
    if (count > 0) {
      return { kind: 'problems', count };
    }
    if (this._isPlanning) {
      return null;
    }
    if (this.error && isFinal(this.error)) {
      return { kind: 'error', error: this.error };
    }
    const findings = this._plan?.findings.filter(({ severity }) => severity === 'error') ?? [];
    return !this.error && findings.length > 0 ? { kind: 'refused', findings } : null;
  }

  /** Change what the form says. */
  edit(change: Change): void {
    const draft = change(this.draft);
    // After an attempt whose end nobody knows, other values are another job.
    const token = this._attempted ? newToken() : this._state.token;
    this._attempted = false;
    this._refusal = null;
    this._submitted = null;
    this._isPlanning = true;
    this._setState({ draft, token });
    void this._pause.invoke();
  }

  /** Fill the form with what a job was given. */
  async fill(id: string): Promise<void> {
    try {
      const job = await this._options.manager.api.job(id);
      this._source = job.summary.name;
      this._setState({ draft: draftOf(job) });
    } catch (thrown) {
      this._refusal = TrainingError.from(thrown);
    }
    await this.replan();
  }

  /** Begin anew with what the notebook says. */
  reset(): void {
    this._source = '';
    this.edit(() => EMPTY);
  }

  /** Go with the notebook, which has another path now. */
  move(path: string): void {
    this._path = path;
    this._options.store.move(path);
    void this.replan();
  }

  showPreview(preview: PreviewTab): void {
    this._preview = preview;
    this.emitChanged();
  }

  setStays(stays: boolean): void {
    this._setState({ stays });
  }

  /** Ask the server what would be, at once; the answer to the newest question counts. */
  async replan(): Promise<void> {
    this._asked?.abort();
    const asked = (this._asked = new AbortController());
    this._isPlanning = true;
    this.emitChanged();
    try {
      const submission = { ...this.reading.submission, token: this._state.token };
      this._take(await this._options.manager.api.plan(submission, asked.signal));
    } catch (thrown) {
      if (asked.signal.aborted || this.isDisposed) {
        return;
      }
      this._fail(TrainingError.from(thrown));
    }
  }

  /** Have the script made, unless it is there. */
  async loadScript(): Promise<void> {
    const submission = { ...this.reading.submission, token: this._state.token };
    await this._script.load({ submission, what: 'script' }, this._plan?.program);
  }

  /**
   * Submit; null: it came to nothing, see `refusal`.
   *
   * @param force - in spite of checks that say that it would fail
   */
  async submit(force = false): Promise<JobSummary | null> {
    if (this._isSubmitting) {
      return null;
    }
    this._isSubmitting = true;
    this._refusal = null;
    this.emitChanged();
    try {
      return await this._submit(force);
    } catch (thrown) {
      this._refusal = TrainingError.from(thrown);
      return null;
    } finally {
      this._isSubmitting = false;
      this.emitChanged();
    }
  }

  /** Forget the form: its tab is closed, a reload does not come here. */
  override dispose(): void {
    if (!this.isDisposed) {
      this._asked?.abort();
      this._pause.dispose();
      this._options.store.clear();
      this.image.dispose();
      super.dispose();
    }
  }

  private async _submit(force: boolean): Promise<JobSummary | null> {
    const { manager, ensureSaved } = this._options;
    if (!(await ensureSaved())) {
      return null;
    }
    this._attempted = true;
    const { submission } = this.reading;
    const job = await manager.submit({ ...submission, token: this._state.token, ...(force && { force }) });
    this._attempted = false;
    this._submitted = job;
    this._setState({ token: newToken() });
    void this.replan();
    return job;
  }

  private _take(plan: Plan): void {
    this._plan = plan;
    this._isPlanning = false;
    this.clearError();
    // With a framework that was chosen nobody says what the imports tell.
    this._setState(this.draft.fields.framework ? {} : { detected: asFramework(plan.framework) });
    this._learn(plan.form);
  }

  private _fail(error: TrainingError): void {
    this._isPlanning = false;
    this.setError(error);
    const form = error.details.form as Plan['form'] | undefined;
    if (form) {
      this._learn(form);
    }
  }

  /** Take in the parameters cell. Where values travel otherwise now, or not any more, the question is another one. */
  private _learn(form: Plan['form']): void {
    const before = JSON.stringify(this.reading.submission);
    this._form = readForm(form);
    if (JSON.stringify(this.reading.submission) !== before) {
      void this.replan();
    } else {
      this.emitChanged();
    }
  }

  private _setState(changes: Partial<IState>): void {
    this._state = { ...this._state, ...changes };
    if (!this.isDisposed) {
      this._options.store.write(this._state);
    }
    this.emitChanged();
  }

  private readonly _pause: Debouncer;
  private readonly _script: Exported;
  private _path: string;
  private _state: IState = { draft: EMPTY, token: newToken(), detected: null, stays: false, image: NO_IMAGE };
  private _plan: Plan | null = null;
  private _form: readonly IParameter[] | null = null;
  private _refusal: TrainingError | null = null;
  private _submitted: JobSummary | null = null;
  private _preview: PreviewTab = 'checks';
  private _source = '';
  private _asked: AbortController | null = null;
  private _attempted = false;
  private _isPlanning = true;
  private _isSubmitting = false;
}

export namespace SubmitModel {
  /** What a form is made of. */
  export interface IOptions {
    manager: ITrainingManager;
    path: string;
    store: IStore;
    /** Id of the job that the form is to be filled from. */
    job?: string;
    /** Where jobs go if nobody says where; `''`: the server decides. */
    defaultBackend: () => string;
    ensureSaved: () => Promise<boolean>;
    /** Where the user's images go, without the notebook's name; left out: nobody remembers it. */
    repository?: { get: () => string; set: (prefix: string) => void };
  }
}

/** Whether asking again will not help: something has to be changed. */
function isFinal({ status }: TrainingError): boolean {
  return status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status);
}

/** Return what an image depends on: one image runs with any values. */
function withoutValues({ parameters: _, texts: __, ...rest }: Submission): Submission {
  return rest;
}

function newToken(): string {
  return UUID.uuid4();
}
