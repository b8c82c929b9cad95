import { describe, expect, it } from 'vitest';

import { FakeChannel, job, settled } from '../../__tests__/server';
import type { CellState, NotebookChanged } from '../../types';
import { JobModel } from '../job';
import { MetricsModel } from '../metrics';
import { NotebookModel } from '../notebook';

function cell(source: string, more: Partial<CellState> = {}, outputs: unknown[] = []): CellState {
  return { cell: { cell_type: 'code', source, outputs }, status: 'pending', seconds: null, startedAt: null, ...more };
}

function changed(more: Partial<NotebookChanged>): NotebookChanged {
  return { type: 'notebookChanged', cells: {}, outputs: [], texts: [], progress: null, error: '', ...more };
}

async function follow<M>(make: (channel: FakeChannel) => M): Promise<{ model: M; channel: FakeChannel }> {
  const channel = new FakeChannel();
  const model = make(channel);
  await settled();
  return { model, channel };
}

describe('JobModel', () => {
  it('follows its job until it is deleted, and still shows it then', async () => {
    const { model, channel } = await follow(it => new JobModel('a', it));
    expect([model.isReady, model.job]).toEqual([false, null]);
    channel.emit('job/a', { type: 'job', job: job('a', { outputs: 'file:///x' }) });
    expect([model.isReady, model.summary?.id, model.job?.outputs]).toEqual([true, 'a', 'file:///x']);
    channel.emit('job/a', { type: 'jobDeleted', id: 'a' });
    expect([model.isDeleted, model.summary?.id]).toEqual([true, 'a']);
  });

  it('says why there is nothing to see, until there is', async () => {
    const { model, channel } = await follow(it => new JobModel('a', it));
    const error = { code: 'not-found', message: 'no job a', hint: 'Look again.', details: {} };
    channel.emit('job/a', { type: 'error', error });
    expect(model.error).toMatchObject(error);
    channel.emit('job/a', { type: 'job', job: job('a') });
    expect(model.error).toBeNull();
  });

  it('emits once for each message and not after its end', async () => {
    const { model, channel } = await follow(it => new JobModel('a', it));
    const revisions: number[] = [];
    model.changed.connect(() => revisions.push(model.revision));
    channel.emit('job/a', { type: 'job', job: job('a') });
    channel.emit('job/a', { type: 'pong' } as never);
    channel.emit('job/a', { type: 'job', job: job('a') });
    expect(revisions).toEqual([1, 2]);
    model.dispose();
    expect(channel.topics.size).toBe(0);
  });

  it('that is disposed at once follows nothing', async () => {
    const { channel } = await follow(it => new JobModel('a', it).dispose());
    expect(channel.topics.size).toBe(0);
  });
});

describe('NotebookModel', () => {
  const stream = { output_type: 'stream', name: 'stdout', text: ['one\n', 'two\n'] };

  async function start(cells: CellState[]): Promise<{ model: NotebookModel; channel: FakeChannel }> {
    const made = await follow(it => new NotebookModel('a', it));
    made.channel.emit('notebook/a', { type: 'notebook', notebook: { metadata: {}, cells, progress: null, error: '' } });
    return made;
  }

  it('appends texts to streams without touching other cells', async () => {
    const { model, channel } = await start([cell('a', {}, [stream]), cell('b')]);
    const before = model.cells;
    channel.emit('notebook/a', changed({ texts: [{ cell: 0, output: 0, text: 'three' }] }));
    expect(model.cells[0].cell.outputs).toEqual([{ ...stream, text: 'one\ntwo\nthree' }]);
    expect(model.cells[1]).toBe(before[1]);
    expect(before[0].cell.outputs).toEqual([stream]);
  });

  it('takes cells whole first, then outputs, then texts', async () => {
    const { model, channel } = await start([cell('a')]);
    channel.emit(
      'notebook/a',
      changed({
        cells: { '0': cell('a', { status: 'completed', seconds: 2 }), '1': cell('b', { status: 'running' }) },
        outputs: [{ cell: 1, output: 0, value: { output_type: 'stream', name: 'stdout', text: 'x' } }],
        texts: [{ cell: 1, output: 0, text: 'y' }],
        progress: { done: 1, total: 2, running: 1, title: 'b', fraction: 0.5 }
      })
    );
    expect(model.cells.map(({ status, cell }) => [status, cell.outputs])).toEqual([
      ['completed', []],
      ['running', [{ output_type: 'stream', name: 'stdout', text: 'xy' }]]
    ]);
    expect(model.progress?.fraction).toBe(0.5);
  });

  it('keeps the progress when a change brings none, and says what ended the run', async () => {
    const { model, channel } = await start([cell('a')]);
    const progress = { done: 0, total: 1, running: 0, title: 'a', fraction: 0 };
    channel.emit('notebook/a', changed({ progress }));
    channel.emit('notebook/a', changed({ error: 'ValueError: no' }));
    expect([model.progress, model.failure]).toEqual([progress, 'ValueError: no']);
  });

  it('ignores what is meant for a cell that is not there', async () => {
    const { model, channel } = await start([cell('a')]);
    channel.emit('notebook/a', changed({ texts: [{ cell: 7, output: 0, text: 'x' }] }));
    expect(model.cells).toHaveLength(1);
  });

  it('begins anew with each snapshot', async () => {
    const { model, channel } = await start([cell('a'), cell('b')]);
    channel.emit('notebook/a', {
      type: 'notebook',
      notebook: { metadata: {}, cells: [cell('c')], progress: null, error: '' }
    });
    expect(model.cells.map(({ cell }) => cell.source)).toEqual(['c']);
  });
});

describe('MetricsModel', () => {
  const point = (step: number | null, values: Record<string, number | null>, replica = ''): never =>
    ({ step, time: 0, values, replica }) as never;

  it('gives one line for each replica that reported a metric', async () => {
    const { model, channel } = await follow(it => new MetricsModel('a', it));
    channel.emit('metrics/a', {
      type: 'metrics',
      metrics: [point(10, { loss: 3 }), point(10, { loss: 4 }, 'worker-1')]
    });
    channel.emit('metrics/a', { type: 'metricsChanged', metrics: [point(20, { loss: null, acc: 0.5 })] });
    expect(model.names).toEqual(['loss', 'acc']);
    expect(model.series('loss')).toEqual([
      { replica: '', x: [10, 20], y: [3, null] },
      { replica: 'worker-1', x: [10], y: [4] }
    ]);
    expect(model.series('acc')).toEqual([{ replica: '', x: [20], y: [0.5] }]);
    expect(model.series('none')).toEqual([]);
  });

  it('measures the pace of one replica, however many report', async () => {
    const { model, channel } = await follow(it => new MetricsModel('a', it));
    const metrics = [1, 2, 3, 4].flatMap(step =>
      ['worker-0', 'worker-1'].map(replica => ({ step, time: 2 * step, values: { loss: 1 }, replica }))
    );
    channel.emit('metrics/a', { type: 'metrics', metrics });
    expect(model.secondsPerStep).toBe(2);
  });

  it('counts points that have no step', async () => {
    const { model, channel } = await follow(it => new MetricsModel('a', it));
    channel.emit('metrics/a', { type: 'metrics', metrics: [point(null, { loss: 3 }), point(null, { loss: 2 })] });
    expect(model.series('loss')[0].x).toEqual([0, 1]);
  });

  it('begins anew with each snapshot', async () => {
    const { model, channel } = await follow(it => new MetricsModel('a', it));
    channel.emit('metrics/a', { type: 'metrics', metrics: [point(1, { old: 3 })] });
    channel.emit('metrics/a', { type: 'metrics', metrics: [point(1, { loss: 3 })] });
    expect([model.names, model.points.length]).toEqual([['loss'], 1]);
  });
});
