import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import { Api } from '../services/api';
import type { ConnectionStatus, IChannel, Listener } from '../services/channel';
import { TrainingManager } from '../services/manager';
import type { TopicData } from '../services/snapshots';
import type { Job, JobSummary } from '../types';
import { fakeSettings } from './sockets';

/** A request that came. */
export interface IReceived {
  method: string;
  /** Below `/jupyter-mltrain/`, without the query. */
  path: string;
  /** Without the number that Lab adds against caches. */
  query: URLSearchParams;
  headers: Headers;
  body: unknown;
}

/** What answers a request: JSON, or a whole response, or either a while later. */
export type Answer = (request: IReceived) => unknown;

/** A server that is the test: it answers by `METHOD path`, everything else with 404. */
export class FakeServer {
  constructor(readonly answers: Record<string, Answer> = {}) {}

  readonly received: IReceived[] = [];

  readonly settings = fakeSettings(async (input, init) => this._answer(new Request(input, init)));

  readonly api = new Api(this.settings);

  /** What was asked for, e.g. `GET jobs`. */
  get calls(): string[] {
    return this.received.map(({ method, path }) => `${method} ${path}`);
  }

  private async _answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const received: IReceived = {
      method: request.method,
      path: url.pathname.replace('/base/jupyter-mltrain/', ''),
      query: new URLSearchParams([...url.searchParams].filter(([key]) => !/^\d+$/.test(key))),
      headers: request.headers,
      body: request.method === 'POST' ? await request.json() : undefined
    };
    this.received.push(received);
    const answer = this.answers[`${received.method} ${received.path}`];
    const value = answer ? await answer(received) : failure(404, 'not-found', `no ${received.path}`);
    request.signal.throwIfAborted();
    return value instanceof Response ? value : Response.json(value);
  }
}

/** An error as the server words it. */
export function failure(status: number, code: string, message: string, more = {}): Response {
  return Response.json({ code, message, hint: '', details: {}, ...more }, { status });
}

/** A channel whose other end is the test. */
export class FakeChannel implements IChannel {
  connectionStatus: ConnectionStatus = 'connected';
  isDisposed = false;
  retries = 0;
  readonly topics = new Map<string, Set<Listener>>();

  get connectionStatusChanged(): ISignal<this, ConnectionStatus> {
    return this._changed;
  }

  /** Bring a topic's snapshot or change to all who follow it. */
  emit(topic: string, data: TopicData): void {
    [...(this.topics.get(topic) ?? [])].forEach(listener => listener(data));
  }

  setStatus(status: ConnectionStatus): void {
    this.connectionStatus = status;
    this._changed.emit(status);
  }

  subscribe(topic: string, listener: Listener): IDisposable {
    const listeners = this.topics.get(topic) ?? new Set();
    this.topics.set(topic, listeners.add(listener));
    return new DisposableDelegate(() => {
      listeners.delete(listener);
      if (listeners.size === 0) {
        this.topics.delete(topic);
      }
    });
  }

  retry(): void {
    this.retries += 1;
  }

  dispose(): void {
    this.isDisposed = true;
  }

  private _changed = new Signal<this, ConnectionStatus>(this);
}

/** A manager on a fake server and a fake channel. */
export function fakeManager(answers: Record<string, Answer> = {}): {
  manager: TrainingManager;
  server: FakeServer;
  channel: FakeChannel;
} {
  const [server, channel] = [new FakeServer(answers), new FakeChannel()];
  return { manager: new TrainingManager({ serverSettings: server.settings, channel }), server, channel };
}

/** A row. `age`: seconds before noon at which it was created. */
export function summary(id: string, more: Partial<JobSummary> & { age?: number } = {}): JobSummary {
  const { age = 0, ...rest } = more;
  return {
    id,
    name: id,
    namespace: 'default',
    kind: 'TFJob',
    backend: 'local',
    phase: 'Running',
    finished: false,
    why: '',
    outOfMemory: false,
    notebook: '',
    createdAt: new Date(Date.UTC(2030, 0, 1, 12) - age * 1000).toISOString(),
    startedAt: '',
    finishedAt: '',
    queuePosition: null,
    roles: {},
    progress: null,
    metrics: {},
    actions: ['cancel', 'suspend', 'delete'],
    ...rest
  };
}

/** A whole job. */
export function job(id: string, more: Partial<Job> = {}): Job {
  return {
    summary: summary(id),
    conditions: [],
    replicas: [],
    events: [],
    manifest: {},
    status: {},
    outputs: '',
    parameters: {},
    texts: {},
    ...more
  };
}

/** Let everything that is ready run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise(resolve => setTimeout(resolve));
  }
}
