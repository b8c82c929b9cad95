import type { IDisposable } from '@lumino/disposable';

import { TrainingError } from '../request';
import type { IChannel } from './channel';
import { Model } from './model';
import type { TopicData } from './snapshots';

/** A model that follows one topic from its making to its end. */
export abstract class TopicModel extends Model {
  constructor(channel: IChannel, topic: string, limit?: number) {
    super();
    // Not before the fields of the class below are there: a channel may answer at once.
    queueMicrotask(() => {
      if (!this.isDisposed) {
        this._subscription = channel.subscribe(topic, data => this._receive(data), limit);
      }
    });
  }

  /** Whether the first snapshot has come. */
  get isReady(): boolean {
    return this._isReady;
  }

  override dispose(): void {
    this._subscription?.dispose();
    super.dispose();
  }

  /** Take in what the topic brought; return whether it was understood. */
  protected abstract take(data: TopicData): boolean;

  private _receive(data: TopicData): void {
    if (data.type === 'error') {
      this.setError(new TrainingError(data.error));
    } else if (this.take(data)) {
      this._isReady = true;
      this.clearError();
      this.emitChanged();
    }
  }

  private _subscription: IDisposable | null = null;
  private _isReady = false;
}
