import { describe, expect, it } from 'vitest';

import { FakeChannel, FakeServer, failure, settled, summary, type Answer } from '../../__tests__/server';
import type { JobList, JobsChanged, JobSummary } from '../../types';
import { JobsModel, matches } from '../jobs';

function list(jobs: JobSummary[], more: Partial<JobList> = {}): JobList {
  return { jobs, total: jobs.length, counts: {}, next: null, ...more };
}

function changed(jobs: JobSummary[], more: Partial<JobsChanged> = {}): JobsChanged {
  return { type: 'jobsChanged', changed: jobs, deleted: [], total: 99, counts: { Running: 9 }, ...more };
}

function setUp(answers: Record<string, Answer> = {}): { jobs: JobsModel; server: FakeServer; channel: FakeChannel } {
  const [server, channel] = [new FakeServer(answers), new FakeChannel()];
  return { jobs: new JobsModel(server.api, channel), server, channel };
}

const ids = (jobs: JobsModel): string[] => jobs.rows.map(row => row.id);

describe('JobsModel', () => {
  it('shows the snapshot and asks for nothing else', () => {
    const { jobs, server, channel } = setUp();
    expect(jobs.isLoading).toBe(true);
    channel.emit('jobs', {
      type: 'jobs',
      list: list([summary('b'), summary('a', { age: 9 })], { counts: { Running: 2 } })
    });
    expect(ids(jobs)).toEqual(['b', 'a']);
    expect([jobs.isLoading, jobs.hasMore, jobs.total, jobs.counts]).toEqual([false, false, 2, { Running: 2 }]);
    expect(server.calls).toEqual([]);
  });

  it('replaces rows where they are, puts new ones in by age, takes deleted ones out', () => {
    const { jobs, channel } = setUp();
    const rows = [summary('c', { age: 1 }), summary('b', { age: 5 }), summary('a', { age: 9 })];
    channel.emit('jobs', { type: 'jobs', list: list(rows) });
    const before = jobs.rows;
    const news = [
      summary('b', { age: 5, why: 'new' }),
      summary('x', { age: 7 }),
      summary('y', { age: 0 }),
      summary('z', { age: 99 })
    ];
    channel.emit('jobs', changed(news, { deleted: ['a'] }));
    expect(ids(jobs)).toEqual(['y', 'c', 'b', 'x', 'z']);
    expect(jobs.rows[2].why).toBe('new');
    expect(jobs.rows[1]).toBe(before[0]);
    expect(before.map(row => row.id)).toEqual(['c', 'b', 'a']);
    expect([jobs.total, jobs.counts]).toEqual([99, { Running: 9 }]);
  });

  it('loads further pages, without rows that came twice, and ignores older rows until then', async () => {
    const pages: Record<string, JobList> = {
      b: list([summary('b', { age: 5 }), summary('a', { age: 9 })], { total: 3 })
    };
    const { jobs, server, channel } = setUp({ 'GET jobs': ({ query }) => pages[query.get('before')!] });
    channel.emit('jobs', {
      type: 'jobs',
      list: list([summary('c'), summary('b', { age: 5 })], { total: 3, next: 'b' })
    });
    channel.emit('jobs', changed([summary('a', { age: 9, why: 'too early' })]));
    expect(ids(jobs)).toEqual(['c', 'b']);
    await Promise.all([jobs.loadMore(), jobs.loadMore()]);
    expect(ids(jobs)).toEqual(['c', 'b', 'a']);
    expect(jobs.hasMore).toBe(false);
    expect(server.calls).toEqual(['GET jobs']);
    await jobs.loadMore();
    expect(server.calls).toHaveLength(1);
  });

  it('filters on the server first, then what changes', async () => {
    const { jobs, server, channel } = setUp({ 'GET jobs': () => list([summary('f', { phase: 'Failed', age: 5 })]) });
    channel.emit('jobs', { type: 'jobs', list: list([summary('r')]) });
    await jobs.setFilter({ phases: ['Failed'], text: 'x' });
    expect(server.received[0].query.toString()).toBe('text=x&phase=Failed&limit=200');
    expect(ids(jobs)).toEqual(['f']);
    await jobs.setFilter({ phases: ['Failed'] });
    channel.emit('jobs', changed([summary('r', { phase: 'Failed' }), summary('s')]));
    expect(ids(jobs)).toEqual(['r', 'f']);
    expect(jobs.total).toBe(2);
    channel.emit('jobs', changed([summary('f', { phase: 'Running', age: 5 })]));
    expect(ids(jobs)).toEqual(['r']);
    expect(jobs.total).toBe(1);
  });

  it('keeps what changed while a page was read', async () => {
    let answer: (list: JobList) => void = () => undefined;
    const { jobs, channel } = setUp({ 'GET jobs': () => new Promise(resolve => (answer = resolve)) });
    const done = jobs.setFilter({ kind: 'TFJob' });
    await settled();
    channel.emit('jobs', changed([summary('a', { age: 9, why: 'newer' }), summary('n')], { deleted: ['gone'] }));
    answer(list([summary('gone', { age: 2 }), summary('a', { age: 9, why: 'older' })]));
    await done;
    expect(jobs.rows.map(row => [row.id, row.why])).toEqual([
      ['n', ''],
      ['a', 'newer']
    ]);
  });

  it('takes the answer of the newest filter only', async () => {
    const answers: Record<string, (list: JobList) => void> = {};
    const { jobs } = setUp({ 'GET jobs': ({ query }) => new Promise(done => (answers[query.get('text')!] = done)) });
    const [first, second] = [jobs.setFilter({ text: 'first' }), jobs.setFilter({ text: 'second' })];
    await settled();
    answers.second(list([summary('second')]));
    answers.first(list([summary('first')]));
    await Promise.all([first, second]);
    expect(ids(jobs)).toEqual(['second']);
    expect(jobs.error).toBeNull();
  });

  it('reads the filtered list anew after each new connection', async () => {
    let rows = [summary('a')];
    const { jobs, channel } = setUp({ 'GET jobs': () => list(rows) });
    await jobs.setFilter({ text: 'a' });
    rows = [summary('aa'), summary('a', { age: 1 })];
    channel.emit('jobs', { type: 'jobs', list: list([summary('other')]) });
    await settled();
    expect(ids(jobs)).toEqual(['aa', 'a']);
  });

  it('tells of jobs that change their phase, also when it was away', () => {
    const { jobs, channel } = setUp();
    const told: string[] = [];
    jobs.phaseChanged.connect((_, { job, before }) => told.push(`${job.id}: ${before} -> ${job.phase}`));
    channel.emit('jobs', { type: 'jobs', list: list([summary('a'), summary('b', { age: 1 })]) });
    channel.emit('jobs', changed([summary('a'), summary('c')]));
    channel.emit('jobs', changed([summary('a', { phase: 'Succeeded' })]));
    channel.emit('jobs', {
      type: 'jobs',
      list: list([summary('a', { phase: 'Succeeded' }), summary('b', { phase: 'Failed' })])
    });
    expect(told).toEqual(['c:  -> Running', 'a: Running -> Succeeded', 'b: Running -> Failed']);
  });

  it('shows what an action answered before the change is pushed', () => {
    const { jobs, channel } = setUp();
    channel.emit('jobs', { type: 'jobs', list: list([summary('a', { age: 1 })]) });
    jobs.apply(summary('b'));
    jobs.remove('a');
    expect(ids(jobs)).toEqual(['b']);
    expect(jobs.get('a')).toBeUndefined();
  });

  it('says what went wrong until it is well again', async () => {
    let isDown = true;
    const { jobs } = setUp({ 'GET jobs': () => (isDown ? failure(503, 'http-503', 'busy') : list([])) });
    await jobs.setFilter({ text: 'a' });
    expect(jobs.error).toMatchObject({ message: 'busy' });
    expect(jobs.isLoading).toBe(true);
    isDown = false;
    await jobs.refresh();
    expect([jobs.error, jobs.isLoading]).toEqual([null, false]);
  });

  it('holds thousands of rows', () => {
    const { jobs, channel } = setUp();
    const rows = Array.from({ length: 10_000 }, (_, index) => summary(`job-${index}`, { age: index }));
    channel.emit('jobs', { type: 'jobs', list: list(rows) });
    channel.emit('jobs', changed([summary('job-5000', { age: 5000, why: 'new' })]));
    expect(jobs.rows).toHaveLength(10_000);
    expect(jobs.rows[5000].why).toBe('new');
  });

  it('is silent once disposed', () => {
    const { jobs, channel } = setUp();
    let emitted = 0;
    jobs.changed.connect(() => (emitted += 1));
    jobs.dispose();
    jobs.apply(summary('a'));
    expect(channel.topics.size).toBe(0);
    expect(emitted).toBe(0);
  });
});

describe('matches', () => {
  const row = summary('sweep-7f3a', { notebook: 'work/My train.ipynb', why: 'Out of memory', namespace: 'team-a' });

  it.each([
    [{}, true],
    [{ phases: [] }, true],
    [{ phases: ['Failed', 'Running'] }, true],
    [{ phases: ['Failed'] }, false],
    [{ backend: 'local' }, true],
    [{ backend: 'kubernetes' }, false],
    [{ kind: 'TFJob' }, true],
    [{ kind: 'Job' }, false],
    [{ notebook: 'work/My train.ipynb' }, true],
    [{ notebook: 'My train.ipynb' }, true],
    [{ notebook: 'My train' }, true],
    [{ notebook: 'train' }, false],
    [{ text: 'SWEEP' }, true],
    [{ text: 'of mem' }, true],
    [{ text: 'team-a' }, true],
    [{ text: 'nowhere' }, false]
  ])('%j: %s', (filter, expected) => {
    expect(matches(row, filter)).toBe(expected);
  });

  it('finds no job without a notebook by a notebook', () => {
    expect(matches(summary('a'), { notebook: '' })).toBe(true);
    expect(matches(summary('a'), { notebook: 'a' })).toBe(false);
  });
});
