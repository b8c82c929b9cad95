import { URLExt } from '@jupyterlab/coreutils';
import type { ServerConnection } from '@jupyterlab/services';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';

import { NAMESPACE, TrainingError } from '../request';
import type { ClientMessage, Message } from '../types';
import { Backoff } from './backoff';
import type { TopicData } from './snapshots';

/**
 * How the front end hears of changes.
 *
 * - `idle`: nothing is followed
 * - `connecting`: the first connection is being made
 * - `connected`: changes are pushed
 * - `disconnected`: the server cannot be reached; the next try comes by itself
 * - `polling`: sockets are refused here; snapshots are read every few seconds
 */
export type ConnectionStatus = 'idle' | 'connecting' | 'connected' | 'disconnected' | 'polling';

/** Receives a topic's snapshots and changes, and errors as `{type: 'error'}`. */
export type Listener = (data: TopicData) => void;

/** A way to follow topics. */
export interface IChannel extends IDisposable {
  readonly connectionStatus: ConnectionStatus;
  readonly connectionStatusChanged: ISignal<IChannel, ConnectionStatus>;
  /**
   * Follow a topic until the answer is disposed. First comes a snapshot, then changes; after each new connection a
   * snapshot again. `limit`: rows or lines of the snapshot.
   */
  subscribe(topic: string, listener: Listener, limit?: number): IDisposable;
  /** Try to connect now instead of after the wait. */
  retry(): void;
}

/** Times in milliseconds, and limits; there to be changed by tests. */
export interface IChannelTimes {
  /** Between two pings. */
  heartbeat: number;
  /** Silence after which a connection is dead. */
  dead: number;
  /** How long a connection may take to open. */
  open: number;
  /** Connections in a row that never opened, after which sockets count as refused. */
  refusals: number;
  /** Between two snapshots while polling. */
  poll: number;
  /** The same at most, while the server cannot be reached. */
  pollMax: number;
  /** Between two tries to connect while polling. */
  again: number;
}

const TIMES: IChannelTimes = {
  heartbeat: 15_000,
  dead: 45_000,
  open: 15_000,
  refusals: 3,
  poll: 3000,
  pollMax: 10_000,
  again: 60_000
};

/** `WebSocket.OPEN`, which the settings' own kind of socket need not name. */
const SOCKET_OPEN = 1;

interface ITopic {
  listeners: Set<Listener>;
  limit: number | undefined;
}

/**
 * The one WebSocket of a tab, opened with the first subscription and closed with the last.
 *
 * Each message has the number after the one before: where one is missing, or where the server is silent for too long,
 * the connection is made anew and every topic starts with a fresh snapshot.
 */
export class Channel implements IChannel {
  constructor(options: Channel.IOptions) {
    this._settings = options.serverSettings;
    this._readSnapshot = options.readSnapshot;
    this._times = { ...TIMES, ...options.times };
    this._backoff = options.backoff ?? new Backoff();
    this._poll = new Poll({
      auto: false,
      factory: () => this._readAll(),
      frequency: { interval: this._times.poll, backoff: true, max: this._times.pollMax },
      name: '@jupyter-mltrain:channel#snapshots',
      standby: 'when-hidden'
    });
    window.addEventListener('online', this._onWake);
    document.addEventListener('visibilitychange', this._onWake);
  }

  get connectionStatus(): ConnectionStatus {
    return this._status;
  }

  get connectionStatusChanged(): ISignal<this, ConnectionStatus> {
    return this._statusChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.removeEventListener('online', this._onWake);
    document.removeEventListener('visibilitychange', this._onWake);
    this._topics.clear();
    this._close();
    this._isPolling = false;
    this._poll.dispose();
    Signal.clearData(this);
  }

  subscribe(topic: string, listener: Listener, limit?: number): IDisposable {
    const entry = this._topics.get(topic) ?? { listeners: new Set(), limit };
    entry.listeners.add(listener);
    entry.limit = limit ?? entry.limit;
    this._topics.set(topic, entry);
    this._follow(topic, entry);
    return new DisposableDelegate(() => this._leave(topic, listener));
  }

  retry(): void {
    if (this._topics.size > 0 && !this._socket) {
      this._backoff.reset();
      this._connect();
    }
  }

  private _follow(topic: string, { limit }: ITopic): void {
    if (this._socket?.readyState === SOCKET_OPEN) {
      this._send({ type: 'subscribe', topic, limit: limit ?? null });
    } else if (this._isPolling) {
      void this._poll.refresh();
    } else if (this._status === 'idle') {
      this._connect();
    }
  }

  private _leave(topic: string, listener: Listener): void {
    const entry = this._topics.get(topic);
    if (!entry?.listeners.delete(listener) || entry.listeners.size > 0) {
      return;
    }
    this._topics.delete(topic);
    if (this._topics.size === 0) {
      this._close();
      this._stopPolling();
      this._setStatus('idle');
    } else if (this._socket?.readyState === SOCKET_OPEN) {
      this._send({ type: 'unsubscribe', topic });
    }
  }

  private _connect(): void {
    this._close();
    this._setStatus(this._status === 'idle' ? 'connecting' : this._status);
    const socket = new this._settings.WebSocket(this._url());
    this._socket = socket;
    this._seq = null;
    socket.onopen = () => this._onOpen();
    socket.onmessage = event => this._onMessage(event);
    socket.onclose = () => this._onLost();
    this._timer = window.setTimeout(() => this._onLost(), this._times.open);
  }

  private _url(): string {
    const { wsUrl, appendToken, token } = this._settings;
    const url = URLExt.join(wsUrl, NAMESPACE, 'channels');
    return appendToken && token ? `${url}?token=${encodeURIComponent(token)}` : url;
  }

  private _onOpen(): void {
    window.clearTimeout(this._timer);
    this._heard = Date.now();
    this._heartbeat = window.setInterval(() => this._beat(), this._times.heartbeat);
    this._send({ type: 'ping' });
    for (const [topic, entry] of this._topics) {
      this._follow(topic, entry);
    }
  }

  /** Only what is said proves that a connection is worth something: some proxies open it and close it at once. */
  private _onFirstMessage(): void {
    this._backoff.reset();
    this._refusals = 0;
    this._stopPolling();
    this._setStatus('connected');
  }

  private _beat(): void {
    if (Date.now() - this._heard >= this._times.dead) {
      this._onLost();
    } else {
      this._send({ type: 'ping' });
    }
  }

  private _onMessage(event: MessageEvent): void {
    const { seq, topic, data } = JSON.parse(event.data as string) as Message;
    if (this._seq !== null && seq !== this._seq + 1) {
      this._onLost();
      return;
    }
    if (this._seq === null) {
      this._onFirstMessage();
    }
    this._seq = seq;
    this._heard = Date.now();
    if (data.type !== 'pong') {
      this._deliver(topic, data);
    }
  }

  private _deliver(topic: string, data: TopicData): void {
    for (const listener of [...(this._topics.get(topic)?.listeners ?? [])]) {
      listener(data);
    }
  }

  private _onLost(): void {
    if (this._status !== 'connected') {
      this._refusals += 1;
    }
    this._close();
    if (this._refusals < this._times.refusals) {
      this._setStatus('disconnected');
      this._connectIn(this._backoff.next());
      return;
    }
    this._connectIn(this._times.again);
    if (!this._isPolling) {
      this._isPolling = true;
      void this._poll.start();
    }
  }

  private _stopPolling(): void {
    if (this._isPolling) {
      this._isPolling = false;
      void this._poll.stop();
    }
  }

  private _connectIn(wait: number): void {
    this._timer = window.setTimeout(() => this._connect(), wait);
  }

  /** Forget the connection: nothing that it still says is heard. */
  private _close(): void {
    window.clearTimeout(this._timer);
    window.clearInterval(this._heartbeat);
    const socket = this._socket;
    this._socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  /** Read every topic; throw if one cannot be read, so that the poll backs off. */
  private async _readAll(): Promise<void> {
    const results = await Promise.allSettled([...this._topics.keys()].map(topic => this._readOne(topic)));
    if (!this._isPolling) {
      return;
    }
    const failure = results.find(result => result.status === 'rejected');
    this._setStatus(failure ? 'disconnected' : 'polling');
    const wasAway = this._isAway;
    this._isAway = failure !== undefined;
    if (failure) {
      throw failure.reason;
    }
    if (wasAway) {
      this.retry();
    }
  }

  private async _readOne(topic: string): Promise<void> {
    try {
      const data = await this._readSnapshot(topic, this._topics.get(topic)?.limit);
      if (this._isPolling) {
        this._deliver(topic, data);
      }
    } catch (thrown) {
      const { code, message, hint, details } = TrainingError.from(thrown);
      this._deliver(topic, { type: 'error', error: { code, message, hint, details } });
      if (code === 'unreachable') {
        throw thrown;
      }
    }
  }

  private _send(message: ClientMessage): void {
    this._socket?.send(JSON.stringify(message));
  }

  private _setStatus(status: ConnectionStatus): void {
    if (status !== this._status) {
      this._status = status;
      this._statusChanged.emit(status);
    }
  }

  private _onWake = (): void => {
    if (!document.hidden && this._status === 'disconnected') {
      this.retry();
    }
  };

  private readonly _settings: ServerConnection.ISettings;
  private readonly _readSnapshot: Channel.IOptions['readSnapshot'];
  private readonly _times: IChannelTimes;
  private readonly _backoff: Backoff;
  private readonly _poll: Poll;
  private readonly _topics = new Map<string, ITopic>();
  private readonly _statusChanged = new Signal<this, ConnectionStatus>(this);
  private _status: ConnectionStatus = 'idle';
  private _socket: WebSocket | null = null;
  private _seq: number | null = null;
  private _heard = 0;
  private _refusals = 0;
  private _timer = 0;
  private _heartbeat = 0;
  private _isDisposed = false;
  private _isPolling = false;
  private _isAway = false;
}

export namespace Channel {
  /** What a channel is made of. */
  export interface IOptions {
    serverSettings: ServerConnection.ISettings;
    /** Reads a topic's snapshot where sockets are refused. */
    readSnapshot: (topic: string, limit?: number) => Promise<TopicData>;
    times?: Partial<IChannelTimes>;
    backoff?: Backoff;
  }
}
