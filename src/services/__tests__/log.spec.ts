import { describe, expect, it } from 'vitest';

import { FakeChannel, FakeServer, failure, settled } from '../../__tests__/server';
import type { LogPage } from '../../types';
import { LineBuffer } from '../lines';
import { LogModel } from '../log';
import type { TopicData } from '../snapshots';

const TOPIC = 'log/a/worker-0';

/** A log on the server: the cursor is the number of lines before it; a page has two lines. */
class FakeLog {
  lines: string[] = [];
  first = 0;
  isDown = false;
  readonly server = new FakeServer({
    'GET jobs/a/logs': ({ query }) => {
      const from = Math.max(this.first, Number(query.get('after') ?? 0));
      const lines = this.lines.slice(from, from + 2);
      const page: LogPage = {
        lines,
        cursor: String(from + lines.length),
        truncated: !query.has('after') && this.first > 0,
        more: from + lines.length < this.lines.length,
        first: null,
        total: null
      };
      return this.isDown ? failure(503, 'http-503', 'busy') : page;
    }
  });
}

async function setUp(): Promise<{ log: LogModel; file: FakeLog; channel: FakeChannel }> {
  const [file, channel] = [new FakeLog(), new FakeChannel()];
  const log = new LogModel('a', 'worker-0', file.server.api, channel);
  await settled();
  return { log, file, channel };
}

const shown = (log: LogModel): string[] => Array.from({ length: log.length }, (_, index) => log.line(index));
const snapshot = (lines: string[], truncated = false): TopicData => ({
  type: 'log',
  lines,
  cursor: 'x',
  truncated,
  ended: false
});
const more = (lines: string[], flags = {}): TopicData => ({
  type: 'logChanged',
  lines,
  cursor: 'x',
  skipped: false,
  ended: false,
  ...flags
});

describe('LogModel', () => {
  it('shows the newest lines, then what is added', async () => {
    const { log, file, channel } = await setUp();
    channel.emit(TOPIC, snapshot(['b', 'c'], true));
    channel.emit(TOPIC, more(['d']));
    expect(shown(log)).toEqual(['b', 'c', 'd']);
    expect([log.isPartial, log.firstNumber]).toEqual([true, null]);
    expect(file.server.calls).toEqual([]);
  });

  it('begins anew with each snapshot', async () => {
    const { log, channel } = await setUp();
    channel.emit(TOPIC, snapshot(['a']));
    channel.emit(TOPIC, more(['z'], { skipped: true }));
    expect(log.hasGap).toBe(true);
    channel.emit(TOPIC, snapshot(['b']));
    expect([shown(log), log.hasGap, log.firstNumber]).toEqual([['b'], false, 0]);
  });

  it('loads all of it, and then misses no line and shows none twice', async () => {
    const { log, file, channel } = await setUp();
    file.lines = ['a', 'b', 'c', 'd', 'e'];
    channel.emit(TOPIC, snapshot(['d', 'e'], true));
    const done = log.loadAll();
    expect(log.loading).toBe(0);
    file.lines.push('f');
    channel.emit(TOPIC, more(['f']));
    await done;
    file.lines.push('g', 'h', 'i');
    channel.emit(TOPIC, more(['g']));
    channel.emit(TOPIC, more(['h', 'i']));
    await settled();
    expect(shown(log)).toEqual([...'abcdefghi']);
    expect([log.isPartial, log.firstNumber, log.loading]).toEqual([false, 0, null]);
  });

  it('is still whole after a new connection', async () => {
    const { log, file, channel } = await setUp();
    file.lines = ['a', 'b', 'c'];
    channel.emit(TOPIC, snapshot(['c'], true));
    await log.loadAll();
    file.lines.push('d');
    channel.emit(TOPIC, snapshot(['d'], true));
    await settled();
    expect(shown(log)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('says that the oldest lines are gone', async () => {
    const { log, file, channel } = await setUp();
    file.lines = ['a', 'b', 'c'];
    file.first = 1;
    channel.emit(TOPIC, snapshot(['c'], true));
    await log.loadAll();
    expect([shown(log), log.isCut, log.isPartial]).toEqual([['b', 'c'], true, false]);
  });

  it('keeps what it shows when loading fails, and can try again', async () => {
    const { log, file, channel } = await setUp();
    file.lines = ['a', 'b'];
    channel.emit(TOPIC, snapshot(['b'], true));
    file.isDown = true;
    await log.loadAll();
    expect([shown(log), log.loading, log.error?.message]).toEqual([['b'], null, 'busy']);
    file.isDown = false;
    await log.loadAll();
    expect(shown(log)).toEqual(['a', 'b']);
  });

  it('knows where the log is downloaded', async () => {
    const { log } = await setUp();
    expect(log.downloadUrl).toBe('http://server/base/jupyter-mltrain/jobs/a/logs/worker-0');
  });

  it('stops loading when it is disposed', async () => {
    const { log, file } = await setUp();
    file.lines = ['a', 'b', 'c'];
    const done = log.loadAll();
    log.dispose();
    await done;
    expect(file.server.calls.length).toBeLessThan(2);
  });
});

describe('LineBuffer', () => {
  it('holds more than a million lines and then drops the oldest', () => {
    const buffer = new LineBuffer();
    const lines = Array.from({ length: 50_000 }, (_, index) => `line ${index}`);
    for (let part = 0; part < 21; part++) {
      buffer.append(lines);
    }
    expect([buffer.length, buffer.dropped, buffer.at(999_999)]).toEqual([1_050_000, 0, 'line 49999']);
    buffer.append(['last']);
    expect(buffer.length).toBeLessThanOrEqual(1_050_000);
    expect(buffer.length + buffer.dropped).toBe(1_050_001);
    expect(buffer.at(buffer.length - 1)).toBe('last');
    expect(buffer.at(0)).toBe(`line ${buffer.dropped}`);
  });

  it('gives an empty line where there is none', () => {
    const buffer = new LineBuffer();
    expect([buffer.at(0), buffer.at(-1), buffer.length]).toEqual(['', '', 0]);
  });
});
