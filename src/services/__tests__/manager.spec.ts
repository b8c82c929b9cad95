import { describe, expect, it, vi } from 'vitest';

import { failure, fakeManager, FakeServer, job, summary } from '../../__tests__/server';
import type { Sample } from '../../types';
import { readSnapshot } from '../snapshots';

const sample: Sample = { name: 'income', title: 'Income', summary: '', framework: 'other', available: true, why: '' };

/** What the server takes as a token. */
const TOKEN = /^[A-Za-z0-9_-]{8,64}$/;

describe('TrainingManager', () => {
  it('follows the list from the first use on', () => {
    const { manager, channel } = fakeManager();
    expect(channel.topics.size).toBe(0);
    expect(manager.jobs).toBe(manager.jobs);
    expect([...channel.topics.keys()]).toEqual(['jobs']);
  });

  it('tells of each job submitted from here, and shows it at once', async () => {
    const { manager, server } = fakeManager({
      'POST jobs': () => summary('new'),
      'POST jobs/new/resubmit': () => summary('again'),
      'POST samples/income/run': () => summary('sample')
    });
    const told: string[] = [];
    manager.submitted.connect((_, { id }) => told.push(id));
    await manager.submit({ notebook: 'a.ipynb', parameters: { epochs: 3 } });
    await manager.resubmit('new', { parameters: { epochs: 4 } });
    await manager.runSample('income');
    expect(told).toEqual(['new', 'again', 'sample']);
    expect(manager.jobs.rows.map(row => row.id).sort()).toEqual(['again', 'new', 'sample']);
    expect(server.received.map(({ body }) => body)).toEqual([
      { notebook: 'a.ipynb', parameters: { epochs: 3 }, token: expect.stringMatching(TOKEN) },
      { parameters: { epochs: 4 }, token: expect.stringMatching(TOKEN) },
      { token: expect.stringMatching(TOKEN) }
    ]);
  });

  it('asks again with the same token while the server is away', async () => {
    let tries = 0;
    const { manager, server } = fakeManager({
      'POST jobs': () => (++tries === 1 ? new Response('', { status: 502 }) : summary('a'))
    });
    expect((await manager.submit({ notebook: 'a.ipynb' })).id).toBe('a');
    expect(server.received).toHaveLength(2);
    expect(server.received[0].body).toEqual(server.received[1].body);
  });

  it('acts, and shows what came of it', async () => {
    const { manager, server } = fakeManager({
      'POST jobs/a/cancel': () => summary('a', { phase: 'Cancelled' }),
      'DELETE jobs/a': () => new Response(null, { status: 204 })
    });
    await manager.act('a', 'cancel');
    expect(manager.jobs.get('a')?.phase).toBe('Cancelled');
    await manager.delete('a');
    expect(manager.jobs.rows).toEqual([]);
    expect(server.calls).toEqual(['POST jobs/a/cancel', 'DELETE jobs/a']);
  });

  it('throws what the server says and shows nothing new', async () => {
    const { manager } = fakeManager({ 'POST jobs': () => failure(409, 'conflict', 'refused') });
    await expect(manager.submit({ notebook: 'a.ipynb' })).rejects.toMatchObject({ code: 'conflict' });
    expect(manager.jobs.rows).toEqual([]);
  });

  it('looks at what is free after jobs have changed, where someone looked before', async () => {
    vi.useFakeTimers();
    try {
      const { manager, server } = fakeManager({ 'GET devices': () => ({ devices: [] }) });
      manager.jobs.apply(summary('a'));
      await manager.places.refreshInventory('local');
      manager.jobs.apply(summary('a', { phase: 'Succeeded' }));
      manager.jobs.apply(summary('a', { phase: 'Failed' }));
      await vi.advanceTimersByTimeAsync(1000);
      expect(server.calls).toEqual(['GET devices', 'GET devices']);
      expect(server.received[1].query.get('backend')).toBe('local');
    } finally {
      vi.useRealTimers();
    }
  });

  it('lets go of everything', () => {
    const { manager, channel } = fakeManager();
    const { jobs } = manager;
    manager.dispose();
    manager.dispose();
    expect([manager.isDisposed, jobs.isDisposed, channel.isDisposed]).toEqual([true, true, true]);
  });
});

describe('PlacesModel', () => {
  it('reads places and samples once', async () => {
    const backends = [{ name: 'local' }];
    const { manager, server } = fakeManager({
      'GET backends': () => ({ backends }),
      'GET samples': () => ({ samples: [sample] })
    });
    await Promise.all([manager.places.load(), manager.places.load()]);
    await manager.places.load();
    expect(server.calls.sort()).toEqual(['GET backends', 'GET samples']);
    expect([manager.places.backends, manager.places.samples]).toEqual([backends, [sample]]);
  });

  it('says what went wrong, and is well again afterwards', async () => {
    let isDown = true;
    const { manager } = fakeManager({
      'GET devices': () => (isDown ? failure(502, 'cluster', 'away') : { devices: [] })
    });
    await manager.places.refreshInventory('kubernetes');
    expect(manager.places.error?.message).toBe('away');
    expect(manager.places.inventory('kubernetes')).toBeNull();
    isDown = false;
    await manager.places.refreshInventory('kubernetes');
    expect([manager.places.error, manager.places.inventory('kubernetes')]).toEqual([null, { devices: [] }]);
  });
});

describe('readSnapshot', () => {
  it('gives what the topics give', async () => {
    const list = { jobs: [], total: 0, counts: {}, next: null };
    const { api } = new FakeServer({
      'GET jobs': ({ query }) => ({ ...list, total: Number(query.get('limit')) }),
      'GET jobs/a': () => job('a'),
      'GET jobs/a/metrics': () => ({ metrics: [] }),
      'GET jobs/a/logs': ({ query }) => ({ lines: [query.get('tail')], cursor: '1', truncated: true, more: false })
    });
    expect(await readSnapshot(api, 'jobs', 7)).toEqual({ type: 'jobs', list: { ...list, total: 7 } });
    expect(await readSnapshot(api, 'job/a')).toEqual({ type: 'job', job: job('a') });
    expect(await readSnapshot(api, 'metrics/a')).toEqual({ type: 'metrics', metrics: [] });
    expect(await readSnapshot(api, 'log/a/worker-0', 5)).toEqual({
      type: 'log',
      lines: ['5'],
      cursor: '1',
      truncated: true,
      ended: false
    });
  });

  it('gives the notebook with the cell that runs', async () => {
    const progress = { done: 1, total: 3, running: 1, title: '', fraction: 0.3 };
    const cells = [
      { cell_type: 'code', execution_count: 1, outputs: [] },
      { cell_type: 'code', execution_count: null, outputs: [] },
      { cell_type: 'code', execution_count: 2, outputs: [{ output_type: 'error' }] },
      { cell_type: 'markdown' }
    ];
    const { api } = new FakeServer({
      'GET jobs/a/notebook': () => ({ cells, metadata: { x: 1 } }),
      'GET jobs/a': () => job('a', { summary: summary('a', { progress, phase: 'Failed', why: 'ValueError' }) })
    });
    const snapshot = await readSnapshot(api, 'notebook/a');
    expect(snapshot).toMatchObject({
      type: 'notebook',
      notebook: { metadata: { x: 1 }, progress, error: 'ValueError' }
    });
    const states = snapshot.type === 'notebook' ? snapshot.notebook.cells.map(({ status }) => status) : [];
    expect(states).toEqual(['completed', 'running', 'failed', 'pending']);
  });

  it('tells that a job is gone', async () => {
    const { api } = new FakeServer();
    expect(await readSnapshot(api, 'job/a')).toEqual({ type: 'jobDeleted', id: 'a' });
    await expect(readSnapshot(api, 'metrics/a')).rejects.toMatchObject({ status: 404 });
    await expect(readSnapshot(api, 'weather')).rejects.toMatchObject({ code: 'not-found' });
  });
});
