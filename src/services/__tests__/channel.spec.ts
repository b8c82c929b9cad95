import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { FakeSocket, fakeSettings } from '../../__tests__/sockets';
import { TrainingError } from '../../request';
import type { Metric } from '../../types';
import { Backoff } from '../backoff';
import { Channel, type ConnectionStatus } from '../channel';
import type { TopicData } from '../snapshots';

const point: Metric = { step: 1, time: 0, values: { loss: 1 }, replica: '' };
const metrics: TopicData = { type: 'metrics', metrics: [point] };
const ping = { type: 'ping' };

let channel: Channel;
let statuses: ConnectionStatus[];
const readSnapshot = vi.fn<(topic: string, limit?: number) => Promise<TopicData>>();

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.reset();
  readSnapshot.mockReset().mockResolvedValue(metrics);
  channel = new Channel({ serverSettings: fakeSettings(), readSnapshot, backoff: new Backoff(1000, 8000, () => 1) });
  statuses = [];
  channel.connectionStatusChanged.connect((_, status) => statuses.push(status));
});

afterEach(() => {
  channel.dispose();
  vi.useRealTimers();
});

/** Let three connections in a row be refused. */
async function refuse(waits = [1000, 2000, 0]): Promise<void> {
  for (const wait of waits) {
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(wait);
  }
}

describe('subscriptions', () => {
  it('open the connection with the first and close it with the last', () => {
    expect(FakeSocket.all).toHaveLength(0);
    const first = channel.subscribe('job/a', () => undefined);
    const second = channel.subscribe('jobs', () => undefined, 50);
    FakeSocket.last.accept();
    expect(FakeSocket.all).toHaveLength(1);
    expect(FakeSocket.last.sent).toEqual([
      ping,
      { type: 'subscribe', topic: 'job/a', limit: null },
      { type: 'subscribe', topic: 'jobs', limit: 50 }
    ]);
    first.dispose();
    expect(FakeSocket.last.sent.at(-1)).toEqual({ type: 'unsubscribe', topic: 'job/a' });
    second.dispose();
    expect(FakeSocket.last.isClosed).toBe(true);
    expect(statuses).toEqual(['connecting', 'connected', 'idle']);
  });

  it('of one topic share it until the last is gone', () => {
    const heard: string[] = [];
    const first = channel.subscribe('metrics/a', () => heard.push('first'));
    FakeSocket.last.accept();
    channel.subscribe('metrics/a', () => heard.push('second'));
    expect(FakeSocket.last.subscribed).toEqual(['metrics/a', 'metrics/a']);
    FakeSocket.last.says(metrics, 'metrics/a');
    first.dispose();
    first.dispose();
    FakeSocket.last.says(metrics, 'metrics/a');
    expect(heard).toEqual(['first', 'second', 'second']);
    expect(FakeSocket.last.sent.some(message => message.type === 'unsubscribe')).toBe(false);
  });

  it('hear only of their topic', () => {
    const heard = vi.fn();
    channel.subscribe('metrics/a', heard);
    FakeSocket.last.accept();
    FakeSocket.last.says(metrics, 'metrics/b');
    expect(heard).not.toHaveBeenCalled();
  });
});

describe('the connection', () => {
  it('goes to the base URL, with the token', () => {
    channel.subscribe('jobs', () => undefined);
    expect(FakeSocket.last.url).toBe('ws://server/base/jupyter-mltrain/channels?token=s3cret');
  });

  it('is made anew after longer and longer waits, and all topics with it', async () => {
    channel.subscribe('jobs', () => undefined);
    channel.subscribe('job/a', () => undefined);
    FakeSocket.last.accept();
    FakeSocket.last.drop();
    expect(channel.connectionStatus).toBe('disconnected');
    await vi.advanceTimersByTimeAsync(999);
    expect(FakeSocket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(1999);
    expect(FakeSocket.all).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    FakeSocket.last.accept();
    expect(FakeSocket.last.subscribed).toEqual(['jobs', 'job/a']);
    expect(channel.connectionStatus).toBe('connected');
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(1000);
    expect(FakeSocket.all).toHaveLength(4);
  });

  it('is made anew when a message is missing, and what follows the gap is not heard', async () => {
    const heard = vi.fn();
    channel.subscribe('metrics/a', heard);
    FakeSocket.last.accept();
    FakeSocket.last.saysAs(20, metrics, 'metrics/a');
    expect(heard).not.toHaveBeenCalled();
    expect(FakeSocket.last.isClosed).toBe(true);
    await vi.advanceTimersByTimeAsync(1000);
    FakeSocket.last.accept();
    expect(FakeSocket.last.subscribed).toEqual(['metrics/a']);
    FakeSocket.last.says(metrics, 'metrics/a');
    expect(heard).toHaveBeenCalledExactlyOnceWith(metrics);
  });

  it('is dead after 45 s of silence, not before', async () => {
    channel.subscribe('jobs', () => undefined);
    FakeSocket.last.accept();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(FakeSocket.last.sent.filter(message => message.type === 'ping')).toHaveLength(3);
    FakeSocket.last.says({ type: 'pong' });
    await vi.advanceTimersByTimeAsync(44_000);
    expect(channel.connectionStatus).toBe('connected');
    await vi.advanceTimersByTimeAsync(1000);
    expect(channel.connectionStatus).toBe('disconnected');
  });

  it('is given up when it does not open in time', async () => {
    channel.subscribe('jobs', () => undefined);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(FakeSocket.all[0].isClosed).toBe(true);
    expect(channel.connectionStatus).toBe('disconnected');
  });

  it('is tried at once when the network is back', () => {
    channel.subscribe('jobs', () => undefined);
    FakeSocket.last.accept();
    FakeSocket.last.drop();
    window.dispatchEvent(new Event('online'));
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('is tried at once when the user asks for it, but not twice', () => {
    channel.subscribe('jobs', () => undefined);
    channel.retry();
    expect(FakeSocket.all).toHaveLength(1);
    FakeSocket.last.drop();
    channel.retry();
    channel.retry();
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('is over when the channel is disposed', async () => {
    channel.subscribe('jobs', () => undefined);
    FakeSocket.last.accept();
    channel.dispose();
    expect(FakeSocket.last.isClosed).toBe(true);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(FakeSocket.all).toHaveLength(1);
  });
});

describe('where sockets are refused', () => {
  it('snapshots are read instead', async () => {
    const heard = vi.fn();
    channel.subscribe('metrics/a', heard, 10);
    await refuse();
    expect(channel.connectionStatus).toBe('polling');
    expect(readSnapshot).toHaveBeenLastCalledWith('metrics/a', 10);
    expect(heard).toHaveBeenLastCalledWith(metrics);
    const before = heard.mock.calls.length;
    await vi.advanceTimersByTimeAsync(3000);
    expect(heard.mock.calls.length).toBe(before + 1);
  });

  it('a connection that opens and ends at once counts as refused', async () => {
    channel.subscribe('jobs', () => undefined);
    for (const wait of [1000, 2000, 0]) {
      FakeSocket.last.readyState = 1;
      FakeSocket.last.onopen?.();
      FakeSocket.last.drop();
      await vi.advanceTimersByTimeAsync(wait);
    }
    expect(channel.connectionStatus).toBe('polling');
  });

  it('a new topic is read at once', async () => {
    channel.subscribe('jobs', () => undefined);
    await refuse();
    const heard = vi.fn();
    channel.subscribe('metrics/a', heard);
    await vi.advanceTimersByTimeAsync(0);
    expect(heard).toHaveBeenCalledWith(metrics);
  });

  it('sockets are tried again, and when one is taken no more snapshots are read', async () => {
    channel.subscribe('jobs', () => undefined);
    await refuse();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeSocket.all).toHaveLength(4);
    FakeSocket.last.accept();
    expect(channel.connectionStatus).toBe('connected');
    readSnapshot.mockClear();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(readSnapshot).not.toHaveBeenCalled();
  });

  it('a server that is gone is told, and met again as soon as it answers', async () => {
    const heard: TopicData[] = [];
    channel.subscribe('metrics/a', data => heard.push(data));
    FakeSocket.last.accept();
    readSnapshot.mockRejectedValue(new TrainingError({ code: 'unreachable', message: 'gone' }));
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(1000);
    await refuse([2000, 4000, 0]);
    expect(channel.connectionStatus).toBe('disconnected');
    expect(heard.at(-1)).toMatchObject({ type: 'error', error: { code: 'unreachable' } });
    const before = FakeSocket.all.length;
    readSnapshot.mockResolvedValue(metrics);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(FakeSocket.all.length).toBe(before + 1);
    FakeSocket.last.accept();
    expect(channel.connectionStatus).toBe('connected');
  });

  it('one topic that is refused does not keep the others', async () => {
    const heard: TopicData[] = [];
    readSnapshot.mockImplementation(topic =>
      topic === 'jobs'
        ? Promise.reject(new TrainingError({ code: 'forbidden', message: 'no' }, 403))
        : Promise.resolve(metrics)
    );
    channel.subscribe('jobs', data => heard.push(data));
    channel.subscribe('metrics/a', data => heard.push(data));
    await refuse();
    expect(heard.map(data => data.type).sort()).toEqual(['error', 'metrics']);
    expect(channel.connectionStatus).toBe('polling');
  });
});

describe('Backoff', () => {
  it('doubles up to the limit and begins anew after a reset', () => {
    const backoff = new Backoff(1000, 4000, () => 1);
    expect([1, 2, 3, 4].map(() => backoff.next())).toEqual([1000, 2000, 4000, 4000]);
    backoff.reset();
    expect(backoff.next()).toBe(1000);
  });

  it('spreads the waits over half a step', () => {
    expect(new Backoff(1000, 4000, () => 0).next()).toBe(500);
  });
});
