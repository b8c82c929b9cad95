import { TrainingError } from '../../request';
import { isActive } from '../../services/images';
import { Model } from '../../services/model';
import type { ITrainingManager } from '../../tokens';
import type {
  DockerfileRequest,
  Error as ErrorBody,
  ImageBuild,
  ImageOptions,
  ImagePlan,
  ImageSettings,
  SavedDockerfile,
  Submission
} from '../../types';
import { Exported, type IDocument } from './exported';

/** What is said about the image; null and `''`: what the server has for it. */
export interface IImageDraft {
  /** null: nobody has said, so it is where the last one went; `''`: as the server's settings have it. */
  repository: string | null;
  base: string;
  platforms: readonly string[] | null;
  /** Name of the file beside the notebook that tells the packages; `''`: the kernel does. */
  environment: string;
}

/** Nothing said. */
export const NO_IMAGE: IImageDraft = { repository: null, base: '', platforms: null, environment: '' };

/** What images are made for. */
const PLATFORMS = ['linux/amd64', 'linux/arm64'];

/** The image of the notebook: what it would be, and its builds. Nothing is asked for before someone looks. */
export class ImageModel extends Model {
  constructor(private readonly _options: ImageModel.IOptions) {
    super();
    this._dockerfile = new Exported(_options.manager.api, () => this.emitChanged());
  }

  get draft(): IImageDraft {
    return this._options.read();
  }

  /** Where it would go; `''`: nobody has said. */
  get repository(): string {
    const { repository } = this.draft;
    if (repository) {
      return repository;
    }
    const prefix = (repository === null && this._options.remembered()) || this._settings?.repository;
    return prefix ? `${prefix}/${imageName(this._options.submission().notebook)}` : '';
  }

  /** What it would be made for. */
  get platforms(): readonly string[] {
    return this.draft.platforms ?? this._settings?.platforms ?? [];
  }

  /** What it can be made for. */
  get allPlatforms(): readonly string[] {
    return [...new Set([...PLATFORMS, ...this.platforms])];
  }

  /** What the server has for what nobody says; null: not known yet. */
  get settings(): ImageSettings | null {
    return this._settings;
  }

  /** What a build would do; null: nobody knows. While it is looked at anew, it is what was known before. */
  get plan(): ImagePlan | null {
    return this._plan;
  }

  get isPlanning(): boolean {
    return this._isPlanning;
  }

  /** Why the last attempt to begin a build came to nothing. */
  get refusal(): TrainingError | null {
    return this._refusal;
  }

  get isStarting(): boolean {
    return this._isStarting;
  }

  /** The notebook's build that goes on, else its last one, as long as it is of what is said now. */
  get build(): ImageBuild | null {
    const build = this._lastBuild;
    return build && (isActive(build) || this._isOfThis(build)) ? build : null;
  }

  get dockerfile(): IDocument | null {
    return this._dockerfile.document;
  }

  /** Change what is said. */
  edit(changes: Partial<IImageDraft>): void {
    this._refusal = null;
    this._options.write({ ...this.draft, ...changes });
    this.emitChanged();
  }

  /** Find out what a build would do, unless that is known: for whoever looks. */
  async load(): Promise<void> {
    const { manager, program } = this._options;
    const build = this._lastBuild;
    if (this._plan && build && isActive(build)) {
      return; // it is about to make what was planned true
    }
    if (!this._settings && !(await this._loadSettings())) {
      return;
    }
    const wanted = { submission: this._options.submission(), image: this._image() };
    if (build && !isActive(build) && !this._inputs.has(build.id)) {
      this._inputs.set(build.id, this._input);
    }
    const key = JSON.stringify([wanted, program(), build?.id, build?.state]);
    if (key !== this._key && !this.isDisposed) {
      this._key = key;
      const image = { ...wanted.image, ...(this._refresh && { refresh: true }) };
      this._refresh = false;
      if (await this._ask(signal => manager.api.imagePlan({ ...wanted, image }, signal))) {
        this._confirmed = build?.id ?? '';
      }
    }
  }

  /** Find out anew; `refresh`: look again which image the base's tag means. */
  retry(refresh = false): void {
    this._key = '';
    this._refresh = refresh;
    this.clearError();
    this.emitChanged();
  }

  /** Have the Dockerfile made, unless it is there: for whoever looks. */
  async loadDockerfile(): Promise<void> {
    const { submission, image } = this._dockerfileRequest(false);
    await this._dockerfile.load({ submission, what: 'dockerfile', image }, this._options.program());
  }

  /** Have the Dockerfile made anew. */
  retryDockerfile(): void {
    this._dockerfile.forget();
  }

  /**
   * Return the folder that the image is built in, packed; null: the user wants to stop.
   *
   * @param force - in spite of findings that are errors
   * @throws TrainingError
   */
  async packDockerfile(force: boolean): Promise<Blob | null> {
    const { manager, ensureSaved } = this._options;
    return (await ensureSaved()) ? manager.api.dockerfile(this._dockerfileRequest(force)) : null;
  }

  /** Have the folder written beside the notebook, as `packDockerfile` returns it. */
  async saveDockerfile(force: boolean): Promise<SavedDockerfile | null> {
    const { manager, ensureSaved } = this._options;
    return (await ensureSaved()) ? manager.api.saveDockerfile(this._dockerfileRequest(force)) : null;
  }

  /**
   * Begin a build; what comes of it, `refusal` and `build` tell.
   *
   * @param push - push it to the repository, not only into the server's cache
   * @param force - in spite of findings that are errors
   */
  async start(push: boolean, force = false): Promise<void> {
    const { manager, ensureSaved, submission } = this._options;
    if (this._isStarting || !(await ensureSaved())) {
      return;
    }
    this._setStarting(true);
    const image = { ...this._image(), repository: push ? this.repository : '' };
    try {
      const input = this._input;
      const prefix = push ? this._said : null;
      const { id } = await manager.images.start({ submission: submission(), image, ...(force && { force }) });
      this._inputs.set(id, input);
      if (prefix !== null) {
        void this._rememberOnce(id, prefix);
      }
    } catch (thrown) {
      this._refusal = TrainingError.from(thrown);
    } finally {
      this._setStarting(false);
    }
  }

  /** Have the build stop. */
  async cancel(): Promise<void> {
    try {
      await this._options.manager.images.cancel(this.build?.id ?? '');
    } catch (thrown) {
      this._refusal = TrainingError.from(thrown);
      this.emitChanged();
    }
  }

  override dispose(): void {
    this._asked?.abort();
    super.dispose();
  }

  private get _lastBuild(): ImageBuild | null {
    return this._options.manager.images.of(this._options.submission().notebook);
  }

  /** What an image is made of, as it is said now. */
  private get _input(): string {
    return JSON.stringify([this._options.submission(), { ...this._image(), repository: '' }]);
  }

  /** What is to be remembered of where it goes, `''`: that it is the settings' matter again; null: nothing is said. */
  private get _said(): string | null {
    const { repository } = this.draft;
    return repository && prefixOf(repository);
  }

  /** Whether what came of a build came of what is said now, and no later look has found something else. */
  private _isOfThis({ id, repository, program, error }: ImageBuild): boolean {
    const isOther =
      (repository && repository !== this.repository) ||
      (program && this._plan && program !== this._plan.program) ||
      (this._inputs.get(id) ?? this._input) !== this._input;
    // An error that stands says the same once more, or has come up since the build was.
    const isTold = this.error && (this._confirmed === id || isSame(this.error, error));
    return !isOther && !isTold;
  }

  /** A repository that refuses, or that nobody has, is none to offer for the next notebook. */
  private async _rememberOnce(id: string, prefix: string): Promise<void> {
    const { manager, remember } = this._options;
    if ((await manager.images.ended(id)).state === 'succeeded') {
      remember(prefix);
    }
  }

  private _dockerfileRequest(force: boolean): DockerfileRequest {
    const image = { ...this._image(), repository: '' };
    return { submission: this._options.submission(), image, ...(force && { force }) };
  }

  private async _loadSettings(): Promise<boolean> {
    const { manager, submission } = this._options;
    if (this.error || this._isPlanning) {
      return false;
    }
    await this._ask(async () => {
      this._settings = await manager.api.imageSettings(submission().notebook);
      return null;
    });
    return this._settings !== null;
  }

  /** Ask the server; the answer to the newest question counts. Return whether there was one, and no error. */
  private async _ask(question: (signal: AbortSignal) => Promise<ImagePlan | null>): Promise<boolean> {
    this._asked?.abort();
    const asked = (this._asked = new AbortController());
    this._isPlanning = true;
    this.emitChanged();
    try {
      this._plan = (await question(asked.signal)) ?? this._plan;
      this.clearError();
    } catch (thrown) {
      if (!asked.signal.aborted) {
        this._plan = null; // it was of something else, or is true no more
        this.setError(TrainingError.from(thrown));
      }
    }
    if (this._asked !== asked) {
      return false;
    }
    this._isPlanning = false;
    this.emitChanged();
    return this.error === null;
  }

  private _image(): ImageOptions {
    const { base, platforms, environment } = this.draft;
    return { repository: this.repository, base, platforms: platforms ?? [], environment };
  }

  private _setStarting(isStarting: boolean): void {
    this._isStarting = isStarting;
    this._refusal = isStarting ? null : this._refusal;
    this.emitChanged();
  }

  private readonly _dockerfile: Exported;
  private _settings: ImageSettings | null = null;
  private _plan: ImagePlan | null = null;
  private _refusal: TrainingError | null = null;
  /** What the builds were made of that have ended, or were begun here, by their ids. */
  private readonly _inputs = new Map<string, string>();
  /** The build whose end was known when a build could be planned the last time. */
  private _confirmed = '';
  private _asked: AbortController | null = null;
  private _key = '';
  private _refresh = false;
  private _isPlanning = false;
  private _isStarting = false;
}

export namespace ImageModel {
  /** What a model of the image is made of. */
  export interface IOptions {
    manager: ITrainingManager;
    /** What the form says. */
    submission: () => Submission;
    /** Hash of the notebook as it was seen last. */
    program: () => string | undefined;
    ensureSaved: () => Promise<boolean>;
    /** What is said about the image: kept with the form. */
    read: () => IImageDraft;
    write: (draft: IImageDraft) => void;
    /** Where the user's images go, without the name; `''`: nobody has said. */
    remembered: () => string;
    remember: (prefix: string) => void;
  }
}

/** Whether two errors tell people the same: of one reason with one remedy it matters little what was tried. */
export function isSame(one: ErrorBody | null, other: ErrorBody | null): boolean {
  if (one === null || other === null || one.hint !== other.hint) {
    return false;
  }
  return one.message === other.message || (one.code === other.code && one.hint !== '');
}

/** Return the last part of a repository for a notebook: what of its name a repository can have. */
export function imageName(notebook: string): string {
  const stem = notebook.replace(/^.*\//, '').replace(/\.ipynb$/, '');
  const plain = stem.normalize('NFKD').replace(/[^\x20-\x7e]/g, '');
  return (
    plain
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '') || 'notebook'
  );
}

/** Return a repository without its last part. */
export function prefixOf(repository: string): string {
  return repository.slice(0, Math.max(0, repository.lastIndexOf('/')));
}
