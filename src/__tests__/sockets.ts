import { ServerConnection } from '@jupyterlab/services';

import type { ClientMessage, Message } from '../types';

/** A socket whose other end is the test. */
export class FakeSocket {
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }

  /** All sockets since the last `reset`, oldest first. */
  static all: FakeSocket[] = [];

  static reset(): void {
    FakeSocket.all = [];
  }

  static get last(): FakeSocket {
    return FakeSocket.all[FakeSocket.all.length - 1];
  }

  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly sent: ClientMessage[] = [];
  isClosed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as ClientMessage);
  }

  close(): void {
    this.readyState = 3;
    this.isClosed = true;
  }

  /** The server takes the connection, and answers the first ping. */
  accept(): void {
    this.readyState = 1;
    this.onopen?.();
    this.says({ type: 'pong' });
  }

  /** The server, or something on the way, ends the connection. */
  drop(): void {
    this.readyState = 3;
    this.onclose?.();
  }

  /** The server sends the next message. */
  says(data: Message['data'], topic = ''): void {
    this.saysAs(this._seq++, data, topic);
  }

  /** The server sends a message with this number. */
  saysAs(seq: number, data: Message['data'], topic = ''): void {
    this._seq = seq + 1;
    this.onmessage?.({ data: JSON.stringify({ seq, topic, data }) });
  }

  /** The topics that were subscribed to, in order. */
  get subscribed(): string[] {
    return this.sent.flatMap(message => (message.type === 'subscribe' ? [message.topic] : []));
  }

  private _seq = 7;
}

/** Settings of a server that is the test: its sockets are fake ones, `fetch` answers its requests. */
export function fakeSettings(
  fetch: typeof globalThis.fetch = () => Promise.reject(new Error('no network'))
): ServerConnection.ISettings {
  return ServerConnection.makeSettings({
    baseUrl: 'http://server/base/',
    wsUrl: 'ws://server/base/',
    token: 's3cret',
    appendToken: true,
    WebSocket: FakeSocket as unknown as typeof WebSocket,
    fetch
  });
}
