import { TrainingError } from '../request';
import type { BackendInfo, Inventory, Sample } from '../types';
import type { Api } from './api';
import { Model } from './model';

/** Where jobs can run, what is free there, and the samples: read when first wanted, kept until refreshed. */
export class PlacesModel extends Model {
  constructor(private readonly _api: Api) {
    super();
  }

  /** The places that may be used, the default first; null: not known yet. */
  get backends(): readonly BackendInfo[] | null {
    return this._backends;
  }

  /** The gallery, the best sample first; null: not known yet. */
  get samples(): readonly Sample[] | null {
    return this._samples;
  }

  /** What a place has; null: not known yet. */
  inventory(backend: string): Inventory | null {
    return this._inventories.get(backend) ?? null;
  }

  /** Read places and samples, unless they are known. */
  async load(): Promise<void> {
    if (this._backends === null || this._samples === null) {
      await this.refresh();
    }
  }

  /** Read places and samples anew. */
  refresh(): Promise<void> {
    return this._read('', async () => {
      const [{ backends }, { samples }] = await Promise.all([this._api.backends(), this._api.samples()]);
      this._backends = backends;
      this._samples = samples;
    });
  }

  /** Read anew what a place has. */
  refreshInventory(backend: string): Promise<void> {
    return this._read(backend, async () => {
      this._inventories.set(backend, await this._api.devices(backend));
    });
  }

  /** Read anew what is free in the places that someone looked at. */
  async refreshInventories(): Promise<void> {
    await Promise.all([...this._inventories.keys()].map(backend => this.refreshInventory(backend)));
  }

  /** Two that want the same at the same time share the answer. */
  private _read(what: string, read: () => Promise<void>): Promise<void> {
    const running = this._running.get(what) ?? this._readOnce(what, read);
    this._running.set(what, running);
    return running;
  }

  private async _readOnce(what: string, read: () => Promise<void>): Promise<void> {
    try {
      await read();
      this.clearError();
      this.emitChanged();
    } catch (thrown) {
      this.setError(TrainingError.from(thrown));
    } finally {
      this._running.delete(what);
    }
  }

  private readonly _inventories = new Map<string, Inventory>();
  private readonly _running = new Map<string, Promise<void>>();
  private _backends: readonly BackendInfo[] | null = null;
  private _samples: readonly Sample[] | null = null;
}
