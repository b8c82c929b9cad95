import { RenderMimeRegistry, standardRendererFactories } from '@jupyterlab/rendermime';
import { ContentsManager } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { ConnectionStatus, IChannel, Listener } from '../../../services/channel';
import { TrainingManager } from '../../../services/manager';
import type { TopicData } from '../../../services/snapshots';
import type { IServices } from '../../../tokens';
import type { Job, JobSummary, Replica } from '../../../types';

export const trans = nullTranslator.load('jupyter_mltrain');

/** A channel whose server is the test. */
export class LocalChannel implements IChannel {
  readonly connectionStatus: ConnectionStatus = 'connected';
  readonly connectionStatusChanged: ISignal<IChannel, ConnectionStatus> = new Signal<IChannel, ConnectionStatus>(this);
  readonly isDisposed = false;

  subscribe(topic: string, listener: Listener): IDisposable {
    const listeners = this._listeners.get(topic) ?? new Set();
    this._listeners.set(topic, listeners.add(listener));
    return new DisposableDelegate(() => listeners.delete(listener));
  }

  /** How many follow a topic. */
  followers(topic: string): number {
    return this._listeners.get(topic)?.size ?? 0;
  }

  send(topic: string, data: TopicData): void {
    this._listeners.get(topic)?.forEach(listener => listener(data));
  }

  retry(): void {}
  dispose(): void {}

  private readonly _listeners = new Map<string, Set<Listener>>();
}

export interface IRig {
  channel: LocalChannel;
  services: IServices;
  /** Commands that were executed, with their arguments. */
  executed: [string, unknown][];
}

export function rig(commandIds: readonly string[] = []): IRig {
  const channel = new LocalChannel();
  const commands = new CommandRegistry();
  const executed: [string, unknown][] = [];
  commandIds.forEach(id => commands.addCommand(id, { execute: args => void executed.push([id, args]) }));
  const services: IServices = {
    manager: new TrainingManager({ channel }),
    commands,
    translator: nullTranslator,
    rendermime: new RenderMimeRegistry({ initialFactories: standardRendererFactories }),
    contents: new ContentsManager(),
    settings: null
  };
  return { channel, services, executed };
}

export function summary(changes: Partial<JobSummary> = {}): JobSummary {
  return {
    id: 'j1',
    name: 'recommender-7f3a',
    namespace: 'default',
    kind: 'TFJob',
    backend: 'local',
    phase: 'Running',
    finished: false,
    why: '',
    outOfMemory: false,
    notebook: 'train.ipynb',
    createdAt: '2026-01-01T00:00:00Z',
    startedAt: '2026-01-01T00:00:05Z',
    finishedAt: '',
    queuePosition: null,
    roles: {},
    progress: { done: 6, total: 12, running: 8, title: 'model.fit(x, y)', fraction: 0.58 },
    metrics: {},
    actions: ['suspend', 'cancel'],
    ...changes
  };
}

export function replica(changes: Partial<Replica> = {}): Replica {
  return {
    name: 'recommender-7f3a-worker-0',
    role: 'Worker',
    index: 0,
    phase: 'Running',
    restarts: 0,
    exitCode: null,
    reason: '',
    message: '',
    node: '',
    devices: [],
    startedAt: '2026-01-01T00:00:05Z',
    finishedAt: '',
    peakMemory: null,
    generation: 0,
    leader: true,
    ...changes
  };
}

export function job(changes: Partial<Job> = {}): Job {
  return {
    summary: summary(),
    conditions: [],
    replicas: [replica()],
    events: [],
    manifest: {},
    status: {},
    outputs: '',
    parameters: {},
    texts: {},
    ...changes
  };
}
