import type { IDraft } from './draft';
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
}

/** Keeps the form of one notebook. */
export interface IStore {
  read(): IState | null;
  write(state: IState): void;
  clear(): void;
}

/** Keeps the form in the browser's tab: it survives a reload, is nobody else's, and goes with the tab. */
export class TabStore implements IStore {
  constructor(path: string) {
    this._key = `jupyter-mltrain:submit:${path}`;
  }

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

  private readonly _key: string;
}
