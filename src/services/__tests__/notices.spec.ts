import { Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { failure, fakeManager, settled, summary, type Answer } from '../../__tests__/server';
import { CommandIDs } from '../../commands';
import { preferences, type IPreferences } from '../../preferences';
import type { JobSummary } from '../../types';
import { tellOfJobs } from '../notices';

/** Desktop notices that were shown. */
const desktop: FakeDesktopNotice[] = [];

class FakeDesktopNotice {
  static permission = 'granted';
  static readonly requestPermission = vi.fn(() => Promise.resolve('granted'));
  onclick: (() => void) | null = null;
  close = vi.fn();

  constructor(
    readonly title: string,
    readonly options: NotificationOptions
  ) {
    desktop.push(this);
  }
}

beforeEach(() => {
  vi.stubGlobal('Notification', FakeDesktopNotice);
  FakeDesktopNotice.permission = 'granted';
});

afterEach(() => {
  Notification.dismiss();
  desktop.length = 0;
  vi.unstubAllGlobals();
  hide(false);
});

function hide(hidden: boolean): void {
  Object.defineProperty(document, 'hidden', { configurable: true, value: hidden });
  document.dispatchEvent(new Event('visibilitychange'));
}

function setUp(
  options: { set?: Partial<IPreferences>; answers?: Record<string, Answer>; claim?: () => Promise<boolean> } = {}
) {
  const { manager, channel } = fakeManager(options.answers);
  const commands = new CommandRegistry();
  const executed: [string, ReadonlyPartialJSONObject][] = [];
  for (const id of [CommandIDs.openJob, CommandIDs.resubmit]) {
    commands.addCommand(id, { execute: args => void executed.push([id, args]) });
  }
  const set: IPreferences = { ...preferences(null), ...options.set };
  const told = tellOfJobs({
    manager,
    commands,
    trans: nullTranslator.load(''),
    preferences: () => set,
    claim: options.claim ?? (() => Promise.resolve(true))
  });
  const counts = { total: 1, counts: {} };
  const change = async (...changed: JobSummary[]): Promise<void> => {
    channel.emit('jobs', { type: 'jobsChanged', changed, deleted: [], ...counts });
    await settled();
  };
  const page = (...jobs: JobSummary[]): void =>
    channel.emit('jobs', { type: 'jobs', list: { jobs, next: null, ...counts } });
  return { manager, executed, set, told, change, page };
}

/** What stands there now: type, text, buttons. */
const shown = (): unknown[] =>
  Notification.manager.notifications.map(({ type, message, options }) => [
    type,
    message,
    ...(options.actions ?? []).map(({ label }) => label)
  ]);

const press = (label: string): void =>
  Notification.manager.notifications[0].options
    .actions!.find(action => action.label === label)!
    .callback(new MouseEvent('click'));

const times = { startedAt: '2030-01-01T12:00:00Z', finishedAt: '2030-01-01T12:02:14Z' };
const done = summary('a', { phase: 'Succeeded', finished: true, ...times });
const failed = summary('a', { phase: 'Failed', finished: true, why: 'Worker 0: out of memory' });

describe('Notices', () => {
  it('tells of a submission while it goes on, then that it is done, then of its end: one notice', async () => {
    let answer!: (job: JobSummary) => void;
    const { manager, change, executed } = setUp({
      answers: { 'POST jobs': () => new Promise<JobSummary>(resolve => (answer = resolve)) }
    });
    const submitted = manager.submit({ notebook: 'sub folder/train.ipynb' });
    await settled();
    expect(shown()).toEqual([['in-progress', 'Submitting train.ipynb…']]);
    answer(summary('a', { phase: 'Queued' }));
    await submitted;
    await settled();
    expect(shown()).toEqual([['info', 'a was submitted.', 'Open Job']]);
    await change(done);
    expect(shown()).toEqual([['success', 'a has finished after 02:14.', 'Open Job']]);
    press('Open Job');
    expect(executed).toEqual([[CommandIDs.openJob, { id: 'a', name: 'a' }]]);
  });

  it('is silent about a submission that was refused: it is told where it was asked for', async () => {
    const { manager } = setUp({ answers: { 'POST jobs': () => failure(409, 'conflict', 'no') } });
    await expect(manager.submit({ notebook: 'a.ipynb' })).rejects.toThrow('no');
    await settled();
    expect(shown()).toEqual([]);
  });

  it('says why a job failed, keeps saying it, and leads to the log', async () => {
    const { page, change, executed } = setUp();
    page(summary('a'));
    await change({ ...failed, why: 'Worker 0: exit 1' });
    expect(shown()).toEqual([]); // the log may say more
    await change(failed);
    expect(shown()).toEqual([['error', 'a failed: Worker 0: out of memory', 'Log', 'Open Job']]);
    expect(Notification.manager.notifications[0].options.autoClose).toBe(false);
    press('Log');
    expect(executed).toEqual([[CommandIDs.openJob, { id: 'a', name: 'a', tab: 'logs' }]]);
  });

  it('says nothing of jobs that had ended before, nor twice of one that ends', async () => {
    const { page, change } = setUp();
    page(done, summary('b'));
    expect(shown()).toEqual([]);
    await change({ ...done, id: 'b', name: 'b' });
    page(done, { ...done, id: 'b', name: 'b' }); // a new connection
    await settled();
    expect(shown()).toEqual([['success', 'b has finished after 02:14.', 'Open Job']]);
  });

  it('tells of a job that was made elsewhere and ended at once', async () => {
    const { page, change } = setUp();
    page();
    await change(done);
    expect(shown()).toHaveLength(1);
  });

  it('tells of an own job that ended before the answer to its submission came', async () => {
    const { manager, change } = setUp({
      set: { notices: 'mine' },
      answers: {
        'POST jobs': async () => {
          await change(done);
          return summary('a', { phase: 'Queued' });
        }
      }
    });
    await manager.submit({ notebook: 'a.ipynb' });
    await settled();
    expect(manager.jobs.get('a')?.phase).toBe('Succeeded');
    expect(shown()).toEqual([['success', 'a has finished after 02:14.', 'Open Job']]);
  });

  it('leaves the ending to another page that tells of it', async () => {
    const { manager, change } = setUp({
      answers: { 'POST jobs': () => summary('a') },
      claim: () => Promise.resolve(false)
    });
    await manager.submit({ notebook: 'a.ipynb' });
    await change(done);
    expect(shown()).toEqual([]);
  });

  it('offers to submit again what was cancelled from here', async () => {
    const { manager, executed } = setUp({
      answers: { 'POST jobs/a/cancel': () => summary('a', { phase: 'Cancelled', finished: true }) }
    });
    manager.jobs.apply(summary('a'));
    await manager.act('a', 'cancel');
    await settled();
    expect(shown()).toEqual([['info', 'a was cancelled.', 'Submit Again']]);
    press('Submit Again');
    expect(executed).toEqual([[CommandIDs.resubmit, { id: 'a' }]]);
  });

  it.each([
    ['all', 2],
    ['mine', 1],
    ['none', 0]
  ] as const)('tells of %s jobs, as was set a moment ago', async (notices, count) => {
    const { manager, page, change, set } = setUp({ answers: { 'POST jobs': () => summary('a') } });
    set.notices = notices;
    page(summary('b'));
    await manager.submit({ notebook: 'a.ipynb' });
    await change(done, { ...done, id: 'b', name: 'b' });
    expect(shown()).toHaveLength(count);
  });

  it('waits until somebody looks', async () => {
    const { page, change } = setUp();
    page(summary('a'));
    hide(true);
    await change(done);
    expect([shown(), desktop]).toEqual([[], []]);
    hide(false);
    await settled();
    expect(shown()).toHaveLength(1);
  });

  it('tells by the desktop while nobody looks, if that was set; a click leads to the job', async () => {
    vi.useFakeTimers();
    try {
      const { page, change, executed } = setUp({ set: { desktopNotices: true } });
      page(summary('a'));
      hide(true);
      void change(failed);
      await vi.advanceTimersByTimeAsync(2000); // nothing more is known
      expect(desktop.map(({ options }) => options)).toEqual([{ body: 'a failed: Worker 0: out of memory', tag: 'a' }]);
      vi.spyOn(window, 'focus').mockReturnValue();
      desktop[0].onclick!();
      expect(executed).toEqual([[CommandIDs.openJob, { id: 'a', name: 'a' }]]);
      expect(desktop[0].close).toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
    }
  });

  it('does not tell by the desktop what can be seen', async () => {
    const { page, change } = setUp({ set: { desktopNotices: true } });
    page(summary('a'));
    await change(done);
    expect([shown().length, desktop.length]).toEqual([1, 0]);
  });

  it('has the browser ask for the desktop with the first submission, not before', async () => {
    FakeDesktopNotice.permission = 'default';
    const { manager } = setUp({ set: { desktopNotices: true }, answers: { 'POST jobs': () => summary('a') } });
    expect(FakeDesktopNotice.requestPermission).not.toHaveBeenCalled();
    await manager.submit({ notebook: 'a.ipynb' });
    expect(FakeDesktopNotice.requestPermission).toHaveBeenCalledOnce();
  });

  it('is silent once it is disposed', async () => {
    const { told, page, change } = setUp();
    page(summary('a'));
    told.dispose();
    await change(done);
    expect(shown()).toEqual([]);
  });
});
