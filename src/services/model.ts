import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { TrainingError } from '../request';

/** What components look at: something that says when it has changed. */
export interface IModel extends IDisposable {
  /** Emitted after each change. */
  readonly changed: ISignal<IModel, void>;
  /** Grows with each change. */
  readonly revision: number;
}

/** Base of all models: no React in it, no network of its own. */
export abstract class Model implements IModel {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get revision(): number {
    return this._revision;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Why there is nothing to see, or nothing new; null when all is well. */
  get error(): TrainingError | null {
    return this._error;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    Signal.clearData(this);
  }

  protected setError(error: TrainingError | null): void {
    this._error = error;
    this.emitChanged();
  }

  protected clearError(): void {
    this._error = null;
  }

  protected emitChanged(): void {
    if (!this._isDisposed) {
      this._revision += 1;
      this._changed.emit();
    }
  }

  private _changed = new Signal<this, void>(this);
  private _error: TrainingError | null = null;
  private _isDisposed = false;
  private _revision = 0;
}
