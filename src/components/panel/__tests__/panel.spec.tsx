import { ServerConnection } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { act, fireEvent, render, screen, within } from '@testing-library/react';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import {
  failure,
  fakeManager,
  settled,
  summary,
  type Answer,
  type FakeChannel,
  type FakeServer
} from '../../../__tests__/server';
import { CommandIDs } from '../../../commands';
import type { IServices } from '../../../tokens';
import type { JobSummary, Sample } from '../../../types';
import { jobMenu } from '../actions';
import { Panel } from '../Panel';

const trans = nullTranslator.load('jupyter_mltrain');

const PENGUINS: Sample = {
  name: 'penguins',
  title: 'Penguins',
  summary: 'Small.',
  framework: 'none',
  available: true,
  why: ''
};
const PLACES: Record<string, Answer> = {
  'GET backends': () => ({
    backends: [{ name: 'local', title: 'This machine', available: true, why: '', kinds: ['Job', 'TFJob'] }]
  }),
  'GET samples': () => ({
    samples: [
      PENGUINS,
      { ...PENGUINS, name: 'income', title: 'Income', available: false, why: 'Not installed: alibi.' }
    ]
  }),
  'GET devices': () => ({ devices: [], cpus: 2, memory: null, slots: 2, slotsFree: 1, note: 'No driver.' })
};

beforeEach(() => {
  window.sessionStorage.clear();
  // jsdom has no layout.
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockImplementation(function (this: HTMLElement) {
    return this.getAttribute('role') === 'row' ? 28 : 600;
  });
  vi.spyOn(HTMLElement.prototype, 'offsetWidth', 'get').mockReturnValue(300);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(600);
  Element.prototype.scrollTo ??= () => undefined;
  Element.prototype.scrollIntoView ??= () => undefined;
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(false);
});

interface IShown {
  channel: FakeChannel;
  server: FakeServer;
  executed: [string, unknown][];
  /** Show the panel, or show it no more. */
  setVisible: (isVisible: boolean) => void;
}

async function shown(jobs: readonly JobSummary[] | null, answers: Record<string, Answer> = {}): Promise<IShown> {
  const { manager, server, channel } = fakeManager({ ...PLACES, ...answers });
  const commands = new CommandRegistry();
  const executed: [string, unknown][] = [];
  for (const id of Object.values(CommandIDs)) {
    commands.addCommand(id, { execute: args => void executed.push([id, args]) });
  }
  const services = { manager, commands, translator: nullTranslator, settings: null } as unknown as IServices;
  const panel = (isVisible: boolean): JSX.Element => <Panel services={services} trans={trans} isVisible={isVisible} />;
  const { rerender } = render(panel(true));
  if (jobs) {
    act(() => channel.emit('jobs', { type: 'jobs', list: list(jobs) }));
  }
  await act(settled);
  return { channel, server, executed, setVisible: isVisible => rerender(panel(isVisible)) };
}

function list(jobs: readonly JobSummary[]): {
  jobs: readonly JobSummary[];
  total: number;
  counts: Record<string, number>;
  next: null;
} {
  return { jobs, total: jobs.length, counts: { Running: jobs.length }, next: null };
}

/** What was asked for when jobs were listed for the last time. */
function lastList({ received }: FakeServer): URLSearchParams {
  return received.filter(({ path }) => path === 'jobs').pop()!.query;
}

function change(channel: FakeChannel, changed: JobSummary[], deleted: string[] = []): void {
  act(() => channel.emit('jobs', { type: 'jobsChanged', changed, deleted, total: 9, counts: {} }));
}

const three = [summary('c'), summary('b', { age: 1 }), summary('a', { age: 2 })];
const over = { phase: 'Succeeded', finished: true, actions: ['resubmit', 'delete'] } as const;
const rows = (): HTMLElement[] => screen.queryAllByRole('row');
const names = (): (string | undefined)[] => rows().map(row => row.dataset.id);
const focused = (): string | undefined => (document.activeElement as HTMLElement).dataset.id;
const press = (key: string, more = {}): boolean => fireEvent.keyDown(document.activeElement!, { key, ...more });
const selected = (): (string | undefined)[] =>
  rows()
    .filter(row => row.getAttribute('aria-selected') === 'true')
    .map(row => row.dataset.id);

describe('a row', () => {
  it('tells how far a job is', async () => {
    const roles = { Worker: { total: 2, active: 2, succeeded: 0, failed: 0 } };
    const progress = { done: 7, total: 12, running: 8, title: 'fit()', fraction: 0.58 };
    await shown([summary('r', { roles, progress, metrics: { loss: 0.0092 } })]);
    const row = within(screen.getByRole('row', { name: 'r, TFJob, Running' }));
    for (const text of ['Worker 2/2', 'cell 8/12', '58%', 'loss', '0.0092', 'Running']) {
      expect(row.getByText(text)).toBeTruthy();
    }
    const bar = row.getByRole('progressbar', { name: 'Progress of r' });
    expect([bar.getAttribute('aria-valuenow'), bar.getAttribute('aria-valuetext')]).toEqual([
      '58',
      '7 of 12 cells done'
    ]);
  });

  it('tells which notebook it is, and keeps the end of a long name in sight', async () => {
    await shown([summary('l', { name: 'a-name-that-is-too-long-26db2160', notebook: 'größe/测试.ipynb' })]);
    const name = screen.getByTitle('a-name-that-is-too-long-26db2160', { exact: false });
    expect(name.title).toBe('a-name-that-is-too-long-26db2160\ngröße/测试.ipynb');
    expect(name.textContent).toBe('a-name-that-is-too-long-26db2160');
    expect([...name.children].map(({ textContent }) => textContent)).toEqual(['a-name-that-is-too-long', '-26db2160']);
  });

  it('says why a job failed, and what can be done', async () => {
    const why = 'Worker 0 failed: exit 137, out of memory at 2.0 GiB';
    const { executed } = await shown([summary('f', { ...over, phase: 'Failed', why, outOfMemory: true })]);
    expect(screen.getByText(why)).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Raise memory of f' })).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Log of f' }));
    expect(executed).toEqual([[CommandIDs.openJob, { id: 'f', tab: 'logs' }]]);
  });

  it('offers what can be done now', async () => {
    const { executed } = await shown([summary('r'), summary('s', { ...over, age: 1 })]);
    const words = (id: number): (string | null)[] => {
      fireEvent.mouseOver(rows()[id]);
      return within(rows()[id])
        .getAllByRole('button')
        .map(button => button.getAttribute('title'));
    };
    expect(words(0)).toEqual(['Suspend', 'Cancel', 'More']);
    expect(words(1)).toEqual(['Resubmit', 'Delete…', 'More']);
    fireEvent.mouseOver(rows()[0]);
    fireEvent.click(screen.getByRole('button', { name: 'Suspend r' }));
    expect(executed).toEqual([[CommandIDs.suspend, { id: 'r' }]]);
  });

  it('says so when its notebook is gone', async () => {
    const commands = new CommandRegistry();
    const response = new Response(null, { status: 404 });
    const open = vi.fn(() => Promise.reject(new ServerConnection.ResponseError(response, 'Not Found')));
    commands.addCommand('docmanager:open', { execute: open });
    const entries = jobMenu({ commands } as IServices, summary('r', { notebook: 'a/gone.ipynb' }), trans);
    entries.find(entry => entry?.label === 'Open Notebook')!.execute();
    await act(settled);
    expect(open.mock.lastCall).toEqual([{ path: 'a/gone.ipynb' }]);
    const dialog = document.querySelector<HTMLElement>('.jp-Dialog')!;
    expect(dialog.textContent).toContain('There is no notebook a/gone.ipynb any more');
    fireEvent.click(within(dialog).getByText('Close'));
    await act(settled);
  });

  it('opens its job by a click', async () => {
    const { executed } = await shown(three);
    fireEvent.click(screen.getByText('b'));
    expect(executed).toEqual([[CommandIDs.openJob, { id: 'b' }]]);
    expect(rows()[1].tabIndex).toBe(0);
  });

  it('is not drawn again when another one changes', async () => {
    const { channel } = await shown(three);
    const before = rows()[2].firstChild;
    const seen = new MutationObserver(() => undefined);
    seen.observe(rows()[2], { subtree: true, childList: true, characterData: true, attributes: true });
    change(channel, [summary('c', { why: 'new', metrics: { loss: 1 } })]);
    expect(screen.getByTitle('loss 1')).toBeTruthy();
    expect(seen.takeRecords()).toEqual([]);
    expect(rows()[2].firstChild).toBe(before);
  });

  it('has a clock that stands still while nobody looks', async () => {
    vi.useFakeTimers({ now: Date.UTC(2030, 0, 1, 12, 0, 5), toFake: ['Date', 'setInterval', 'clearInterval'] });
    try {
      const { setVisible } = await shown([summary('r', { startedAt: '2030-01-01T12:00:00Z' })]);
      expect(screen.getByText('00:05')).toBeTruthy();
      act(() => void vi.advanceTimersByTime(2000));
      expect(screen.getByText('00:07')).toBeTruthy();
      setVisible(false);
      act(() => void vi.advanceTimersByTime(3000));
      expect(screen.getByText('00:07')).toBeTruthy();
      setVisible(true);
      expect(screen.getByText('00:10')).toBeTruthy();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('keyboard', () => {
  it('has one tab stop and walks', async () => {
    const { executed } = await shown(three);
    expect(rows().map(row => row.tabIndex)).toEqual([0, -1, -1]);
    rows()[0].focus();
    press('ArrowDown');
    expect(focused()).toBe('b');
    press('End');
    expect(focused()).toBe('a');
    press('ArrowDown');
    expect(focused()).toBe('a');
    press('Home');
    expect(focused()).toBe('c');
    press('Enter');
    expect(executed).toEqual([[CommandIDs.openJob, { id: 'c' }]]);
  });

  it('goes into a row and back', async () => {
    await shown(three);
    rows()[0].focus();
    press('ArrowRight');
    expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Suspend c' }));
    press('ArrowRight');
    expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Cancel c' }));
    press('Escape');
    expect(focused()).toBe('c');
  });

  it('selects', async () => {
    await shown(three);
    rows()[0].focus();
    press(' ');
    press('ArrowDown', { shiftKey: true });
    expect(selected()).toEqual(['c', 'b']);
    expect(screen.getByText('2 selected')).toBeTruthy();
    press('a', { ctrlKey: true });
    expect(selected()).toEqual(['c', 'b', 'a']);
    press('Escape');
    expect(selected()).toEqual([]);
    expect(screen.queryByRole('toolbar')).toBeNull();
  });

  it('deletes the row it is on, by the command that asks', async () => {
    const { executed } = await shown(three);
    rows()[0].focus();
    press('ArrowDown');
    press('Delete');
    expect(executed).toEqual([[CommandIDs.delete, { id: 'b' }]]);
  });

  it('searches when one types', async () => {
    await shown(three);
    rows()[0].focus();
    press('x');
    expect(document.activeElement).toBe(screen.getByRole('searchbox', { name: 'Search the jobs' }));
    press('ArrowDown');
    expect(focused()).toBe('c');
  });

  it('keeps the focus when rows come, move or vanish', async () => {
    const { channel } = await shown(three);
    act(() => rows()[0].focus());
    change(channel, [summary('new', { age: -1 })]);
    expect(focused()).toBe('c');
    press('ArrowDown');
    expect([names(), focused()]).toEqual([['new', 'c', 'b', 'a'], 'b']);
    change(channel, [], ['b']);
    expect([names(), focused()]).toEqual([['new', 'c', 'a'], 'a']);
    change(channel, [], ['a']);
    expect(focused()).toBe('c');
  });

  it('leaves the focus alone when it is elsewhere', async () => {
    const { channel } = await shown(three);
    screen.getByRole('searchbox').focus();
    change(channel, [], ['c']);
    expect(document.activeElement).toBe(screen.getByRole('searchbox'));
  });
});

describe('many at once', () => {
  // Not by its role: to jsdom a `<dialog>` is never open.
  const dialog = (): HTMLElement => document.querySelector<HTMLElement>('.jp-Dialog')!;

  it('selects by Ctrl and Shift', async () => {
    const { executed } = await shown(three);
    fireEvent.click(rows()[0], { ctrlKey: true });
    fireEvent.click(rows()[2], { shiftKey: true });
    expect(selected()).toEqual(['c', 'b', 'a']);
    fireEvent.click(rows()[1], { ctrlKey: true });
    expect(selected()).toEqual(['c', 'a']);
    expect(executed).toEqual([]);
  });

  it('asks once, deletes all, and says with which it did not work', async () => {
    const { server } = await shown(three, {
      'DELETE jobs/a': () => new Response(null, { status: 204 }),
      'DELETE jobs/b': () => failure(507, 'storage', 'The disk is full'),
      'DELETE jobs/c': () => failure(404, 'not-found', 'gone')
    });
    rows()[0].focus();
    press('a', { ctrlKey: true });
    press('Delete');
    await act(settled);
    expect(dialog().textContent).toContain('Delete 3 training jobs?');
    fireEvent.click(within(dialog()).getByText('Delete 3'));
    await act(settled);
    expect(server.calls.filter(call => call.startsWith('DELETE')).sort()).toEqual([
      'DELETE jobs/a',
      'DELETE jobs/b',
      'DELETE jobs/c'
    ]);
    expect([names(), selected()]).toEqual([['b'], ['b']]);
    expect(screen.getByRole('alert').textContent).toBe('2 of 3 jobs were deleted.b: The disk is fullDismiss');
  });

  it('cancels those that can be', async () => {
    const { server } = await shown([summary('go'), summary('over', { ...over, age: 1 })], {
      'POST jobs/go/cancel': () => summary('go', { phase: 'Cancelled', finished: true, actions: ['delete'] })
    });
    rows()[0].focus();
    press('a', { ctrlKey: true });
    fireEvent.click(within(screen.getByRole('toolbar')).getByRole('button', { name: 'Cancel…' }));
    await act(settled);
    expect(dialog().textContent).toContain('Cannot be cancelled: over (Succeeded).');
    fireEvent.click(within(dialog()).getByText('Cancel 1'));
    await act(settled);
    expect(server.calls.filter(call => call.startsWith('POST'))).toEqual(['POST jobs/go/cancel']);
    expect(rows()[0].dataset.phase).toBe('Cancelled');
  });

  it('does nothing when one thinks better of it', async () => {
    const { server } = await shown(three);
    rows()[0].focus();
    press('a', { ctrlKey: true });
    press('Delete');
    await act(settled);
    fireEvent.click(within(dialog()).getByText('Keep them'));
    await act(settled);
    expect(server.calls.some(call => call.startsWith('DELETE'))).toBe(false);
    expect(selected()).toHaveLength(3);
  });
});

describe('filter', () => {
  it('asks the server, waits for a pause, and survives a reload', async () => {
    const { server } = await shown(three, { 'GET jobs': () => list([three[2]]) });
    fireEvent.change(screen.getByRole('combobox', { name: 'State' }), { target: { value: 'Running' } });
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'a' } });
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'ab' } });
    await vi.waitFor(() => expect(lastList(server).get('text')).toBe('ab'));
    const queries = server.received.filter(({ path }) => path === 'jobs').map(({ query }) => query.toString());
    expect(queries).toEqual(['phase=Running&limit=200', 'text=ab&phase=Running&limit=200']);
    await act(settled);
    expect(names()).toEqual(['a']);
    expect(JSON.parse(Object.values(window.sessionStorage)[0] as string)).toMatchObject({
      state: 'Running',
      text: 'ab'
    });
  });

  it('begins with what it was', async () => {
    const key = 'jupyter-mltrain:panel:http://localhost:3000/';
    window.sessionStorage.setItem(key, JSON.stringify({ text: 'kept', state: 7 }));
    const { server } = await shown(three, { 'GET jobs': () => list([]) });
    expect(screen.getByRole<HTMLInputElement>('searchbox').value).toBe('kept');
    expect(lastList(server).get('text')).toBe('kept');
    expect(screen.getByText('No job matches')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Clear filters' }));
    await act(settled);
    expect(screen.getByText('No training jobs yet')).toBeTruthy();
  });

  it('forgets a place that is no more', async () => {
    const key = 'jupyter-mltrain:panel:http://localhost:3000/';
    window.sessionStorage.setItem(key, JSON.stringify({ where: 'gone' }));
    const { server } = await shown(three, { 'GET jobs': () => list(three) });
    expect(lastList(server).get('backend')).toBeNull();
    expect(names()).toEqual(['c', 'b', 'a']);
  });

  it('offers places where there are several', async () => {
    const place = { name: 'local', title: 'This machine', available: true, why: '', kinds: [] };
    const backends = [
      place,
      { ...place, name: 'kind', title: 'kind / team-a', available: false, why: 'Connection refused.' }
    ];
    const { server } = await shown(three, { 'GET backends': () => ({ backends }), 'GET jobs': () => list(three) });
    expect(screen.getByText('kind / team-a cannot be used now.').parentElement!.textContent).toContain(
      'Connection refused.'
    );
    expect(names()).toEqual(['c', 'b', 'a']);
    fireEvent.change(screen.getByRole('combobox', { name: 'Where' }), { target: { value: 'local' } });
    await act(settled);
    expect(lastList(server).get('backend')).toBe('local');
    fireEvent.click(screen.getByRole('button', { name: 'Retry' }));
    await act(settled);
    expect(server.calls.filter(call => call === 'GET backends')).toHaveLength(2);
  });
});

describe('around the list', () => {
  it('tells who comes first what this is, and runs a sample', async () => {
    const { executed } = await shown([]);
    expect(screen.getByText('No training jobs yet')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Run the sample Penguins' }));
    expect(executed).toEqual([[CommandIDs.runSample, { name: 'penguins' }]]);
  });

  it('opens and runs samples, and says what is missing', async () => {
    const { executed } = await shown(three);
    fireEvent.click(screen.getByRole('button', { name: 'Open Penguins' }));
    await act(settled);
    fireEvent.click(screen.getByRole('button', { name: 'Run Penguins' }));
    fireEvent.click(screen.getByRole('button', { name: 'Run Income' }));
    expect(executed).toEqual([
      [CommandIDs.openSample, { name: 'penguins' }],
      [CommandIDs.runSample, { name: 'penguins' }]
    ]);
    expect(screen.getByText('Not installed: alibi.')).toBeTruthy();
  });

  it('looks at the machine only while it is seen', async () => {
    const { server, setVisible } = await shown(three);
    const looks = (): number => server.calls.filter(call => call === 'GET devices').length;
    await vi.waitFor(() => expect(screen.getByText('1/2 slots free')).toBeTruthy());
    expect(looks()).toBe(1);
    setVisible(false);
    await act(settled);
    expect(looks()).toBe(1);
    setVisible(true);
    await vi.waitFor(() => expect(looks()).toBe(2));
  });

  it('says that it loads', async () => {
    await shown(null);
    expect(screen.getByText('Loading…')).toBeTruthy();
  });

  it('says what is wrong, and tries again', async () => {
    let isDown = true;
    const { channel } = await shown(null, {
      'GET jobs': () => (isDown ? failure(502, 'backend', 'The cluster does not answer') : list(three))
    });
    const error = { code: 'backend', message: 'The cluster does not answer', hint: 'Is it on?', details: {} };
    act(() => channel.emit('jobs', { type: 'error', error }));
    expect(screen.getByRole('alert').textContent).toContain('The cluster does not answer');
    isDown = false;
    fireEvent.click(within(screen.getByRole('alert')).getByRole('button', { name: 'Retry' }));
    await act(settled);
    expect(screen.queryByRole('alert')).toBeNull();
    expect(names()).toEqual(['c', 'b', 'a']);
  });

  it('tells quietly of a connection that is lost and back', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { manager, channel } = fakeManager(PLACES);
      const services = { manager, commands: new CommandRegistry(), translator: nullTranslator } as unknown as IServices;
      render(<Panel services={services} trans={trans} isVisible />);
      act(() => channel.setStatus('disconnected'));
      expect(screen.queryByText(/Connection lost/)).toBeNull();
      act(() => void vi.advanceTimersByTime(2000));
      fireEvent.click(within(screen.getByText(/Connection lost/)).getByRole('button', { name: 'Retry' }));
      expect(channel.retries).toBe(1);
      act(() => channel.setStatus('connected'));
      expect(screen.getByText('Connected again.')).toBeTruthy();
      act(() => void vi.advanceTimersByTime(5000));
      expect(screen.queryByText('Connected again.')).toBeNull();
    } finally {
      vi.useRealTimers();
    }
  });

  it('asks for the next page when the end comes near', async () => {
    const { channel, server } = await shown(null, { 'GET jobs': () => list([summary('older', { age: 99 })]) });
    act(() => channel.emit('jobs', { type: 'jobs', list: { ...list(three), total: 4, next: 'a' } }));
    await act(settled);
    expect(names()).toEqual(['c', 'b', 'a', 'older']);
    expect(server.received.filter(({ path }) => path === 'jobs').map(({ query }) => query.get('before'))).toEqual([
      'a'
    ]);
  });

  it('has few of ten thousand rows in the document, and the one with the focus', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => summary(`job-${index}`, { ...over, age: index }));
    await shown(many);
    expect(rows().length).toBeGreaterThan(15);
    expect(rows().length).toBeLessThan(60);
    expect(screen.getByRole('grid').getAttribute('aria-rowcount')).toBe('10000');
    rows()[0].focus();
    press('End');
    expect(focused()).toBe('job-9999');
  });
});
