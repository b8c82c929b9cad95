import type { IDraft } from './draft';
import type { IImageDraft } from './image-model';
import type { Framework } from './roles';

/** What a reload must not lose. */
export interface IState {
  draft: IDraft;
  /** Two submissions with one token make one job. */
  token: string;
  /** What the imports told, so that what was said about roles is understood at once. */
  detected: Framework | null;
  /** Whether the form stays when its job was submitted. */
  stays: boolean;
  image: IImageDraft;
}

/** Keeps the form of one notebook. */
export interface IStore {
  read(): IState | null;
  write(state: IState): void;
  clear(): void;
  /** The notebook has another path now: the form goes with it. */
  move(path: string): void;
}

/** Keeps the form in the browser's tab: it survives a reload, is nobody else's, and goes with the tab. */
export class TabStore implements IStore {
  constructor(private _path: string) {}

  read(): IState | null {
    try {
      return JSON.parse(window.sessionStorage.getItem(this._key) ?? 'null') as IState | null;
    } catch {
      return null;
    }
  }

  write(state: IState): void {
    try {
      window.sessionStorage.setItem(this._key, JSON.stringify(state));
    } catch {
      // Full, or forbidden: then a reload begins anew.
    }
  }

  clear(): void {
    window.sessionStorage.removeItem(this._key);
  }

  move(path: string): void {
    const state = this.read();
    this.clear();
    this._path = path;
    if (state) {
      this.write(state);
    }
  }

  private get _key(): string {
    return `jupyter-mltrain:submit:${this._path}`;
  }
}
