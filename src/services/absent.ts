import { PageConfig } from '@jupyterlab/coreutils';
import type { ServerConnection } from '@jupyterlab/services';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { ConnectionStatus, IChannel, Listener } from './channel';

/** The status of a route that the server does not have. */
const NOT_FOUND = 404;

/** Whether the page comes from a server that has the other half of the extension: that half says so in the page. */
export function hasServerExtension(): boolean {
  return PageConfig.getOption('jupyterMltrain') !== '';
}

/** Return settings of a server that has no route of ours: it is known, so nobody is asked, and no error is logged. */
export function absentSettings(settings: ServerConnection.ISettings): ServerConnection.ISettings {
  return { ...settings, fetch: () => Promise.resolve(new Response(null, { status: NOT_FOUND })) };
}

/** Tells all who follow something that there is nothing to follow. */
export class AbsentChannel implements IChannel {
  readonly connectionStatus: ConnectionStatus = 'idle';

  get connectionStatusChanged(): ISignal<this, ConnectionStatus> {
    return this._statusChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  subscribe(_topic: string, listener: Listener): IDisposable {
    const error = { code: `http-${NOT_FOUND}`, message: 'The server has no training extension', hint: '', details: {} };
    const subscription = new DisposableDelegate(() => undefined);
    queueMicrotask(() => subscription.isDisposed || listener({ type: 'error', error }));
    return subscription;
  }

  retry(): void {
    // A server learns new routes when it starts, and a page that it made then says so.
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  private readonly _statusChanged = new Signal<this, ConnectionStatus>(this);
  private _isDisposed = false;
}
