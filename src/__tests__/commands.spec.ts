import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { describe, expect, it, vi } from 'vitest';

import { addCommands, CommandIDs, notifyCommands } from '../commands';
import type { INotebookArguments } from '../notebooks';
import { preferences, type IPreferences } from '../preferences';
import { failure, fakeManager, settled, summary, type Answer } from './server';

interface IWorld {
  /** Path of the notebook that is open. */
  open: string | null;
  /** Whether the user saves what is not saved. */
  saved: boolean;
  set: Partial<IPreferences>;
  /** Id of the job in front. */
  front: string | null;
}

function setUp(answers: Record<string, Answer> = {}, world: Partial<IWorld> = {}) {
  const { open = 'open.ipynb', saved = true, set = {}, front = null } = world;
  const { manager, server } = fakeManager(answers);
  const commands = new CommandRegistry();
  const find = ({ path, selected }: INotebookArguments): string | null => path ?? (selected ? 'selected.ipynb' : open);
  const notebooks = {
    canChoose: (args: INotebookArguments) => args.pick === true || find(args) !== null,
    choose: vi.fn((args: INotebookArguments) => Promise.resolve(find(args))),
    ensureSaved: vi.fn(() => Promise.resolve(saved)),
    saveBeside: vi.fn(() => Promise.resolve()),
    open: vi.fn()
  };
  const opener = {
    currentJob: front,
    currentJobChanged: new Signal<object, unknown>({}),
    showPanel: vi.fn(),
    openSubmit: vi.fn(),
    openJob: vi.fn(() => Promise.resolve())
  };
  addCommands({
    commands,
    manager,
    notebooks,
    opener,
    trans: nullTranslator.load(''),
    preferences: () => ({ ...preferences(null), ...set })
  });
  return { commands, manager, server, notebooks, opener };
}

/** The dialog that is open: its text, and its buttons by label. */
const dialog = (): HTMLElement | null => document.querySelector('.jp-Dialog');
const press = async (label: string): Promise<void> => {
  const buttons = [...dialog()!.querySelectorAll<HTMLElement>('button')];
  buttons.find(button => button.textContent === label)!.click();
  await settled();
};

describe('commands on a notebook', () => {
  it.each([
    [{}, 'open.ipynb'],
    [{ path: 'a b/c.ipynb' }, 'a b/c.ipynb'],
    [{ selected: true }, 'selected.ipynb']
  ])('open the submission of the one that %j means', async (args, path) => {
    const { commands, opener } = setUp();
    await commands.execute(CommandIDs.submit, args);
    expect(opener.openSubmit.mock.calls.map(([opened]) => opened as unknown)).toEqual([path]);
  });

  it('show its image, saved or not', async () => {
    const { commands, opener } = setUp({}, { saved: false });
    await commands.execute(CommandIDs.openImage, { path: 'a b/c.ipynb' });
    expect(opener.openSubmit.mock.calls).toEqual([['a b/c.ipynb', { preview: 'image' }]]);
  });

  it('do nothing while the user does not save, or picks none', async () => {
    const unsaved = setUp({}, { saved: false });
    await unsaved.commands.execute(CommandIDs.submit);
    expect(unsaved.opener.openSubmit).not.toHaveBeenCalled();
    const none = setUp({}, { open: null });
    await none.commands.execute(CommandIDs.runNow);
    expect(none.server.calls).toEqual([]);
  });

  it('need one: without it they are disabled and say so', () => {
    const { commands } = setUp({}, { open: null });
    for (const id of [CommandIDs.submit, CommandIDs.runNow, CommandIDs.exportScript]) {
      expect(commands.isEnabled(id)).toBe(false);
      expect(commands.caption(id)).toBe('Open a notebook first.');
      expect(commands.isEnabled(id, { pick: true })).toBe(true);
      expect(commands.caption(id, { path: 'a.ipynb' })).not.toBe('Open a notebook first.');
    }
  });

  it.each([
    ['', undefined],
    ['kubernetes', 'kubernetes']
  ])('submit with the defaults, where %j is the default place', async (defaultBackend, backend) => {
    const { commands, server } = setUp({ 'POST jobs': () => summary('a') }, { set: { defaultBackend } });
    await commands.execute(CommandIDs.runNow);
    expect(server.received[0].body).toMatchObject({ notebook: 'open.ipynb' });
    expect((server.received[0].body as { backend?: string }).backend).toBe(backend);
  });

  it('say what the server has against it', async () => {
    const { commands } = setUp({ 'POST jobs': () => failure(400, 'invalid', 'It is in R.', { hint: 'Use Python.' }) });
    void commands.execute(CommandIDs.runNow);
    await settled();
    expect(dialog()?.textContent).toContain('It is in R.');
    expect(dialog()?.textContent).toContain('Use Python.');
    await press('Close');
    expect(dialog()).toBeNull();
  });

  it('write a script beside it', async () => {
    const { commands, notebooks } = setUp({ 'POST plans/export': () => ({ text: 'x = 1', findings: [] }) });
    await commands.execute(CommandIDs.exportScript);
    expect(notebooks.saveBeside).toHaveBeenCalledExactlyOnceWith('open.ipynb', '.py', 'x = 1');
  });
});

describe('commands on a job', () => {
  it('open it with its name and one of its tabs', async () => {
    const { commands, opener } = setUp();
    await commands.execute(CommandIDs.openJob, { id: 'a', name: 'train-a', tab: 'logs' });
    expect(opener.openJob).toHaveBeenCalledExactlyOnceWith('a', { name: 'train-a', tab: 'logs' });
  });

  it('are about the one in front, and are disabled without one or where it does not allow them', () => {
    expect(setUp().commands.isEnabled(CommandIDs.cancel)).toBe(false);
    const { commands, manager } = setUp({}, { front: 'a' });
    expect(commands.isEnabled(CommandIDs.cancel)).toBe(true);
    manager.jobs.apply(summary('a', { phase: 'Succeeded', finished: true, actions: ['resubmit', 'delete'] }));
    expect(commands.isEnabled(CommandIDs.cancel)).toBe(false);
    expect(commands.isEnabled(CommandIDs.resubmit)).toBe(true);
    expect(commands.isEnabled(CommandIDs.suspend, { id: 'unknown' })).toBe(true);
  });

  it('cancel, suspend, resume and resubmit it', async () => {
    const { commands, server } = setUp(
      Object.fromEntries(
        ['cancel', 'suspend', 'resume', 'resubmit'].map(verb => [`POST jobs/a/${verb}`, () => summary('a')])
      )
    );
    for (const id of [CommandIDs.cancel, CommandIDs.suspend, CommandIDs.resume, CommandIDs.resubmit]) {
      await commands.execute(id, { id: 'a' });
    }
    expect(server.calls).toEqual(['cancel', 'suspend', 'resume', 'resubmit'].map(verb => `POST jobs/a/${verb}`));
  });

  it('ask before it is deleted', async () => {
    const { commands, manager, server } = setUp({ 'DELETE jobs/a': () => new Response(null, { status: 204 }) });
    manager.jobs.apply(summary('a', { name: 'train-a' }));
    void commands.execute(CommandIDs.delete, { id: 'a' });
    await settled();
    expect(dialog()?.textContent).toContain('train-a is stopped if it runs.');
    await press('Cancel');
    expect(server.calls).toEqual([]);
    void commands.execute(CommandIDs.delete, { id: 'a' });
    await settled();
    await press('Delete');
    expect(server.calls).toEqual(['DELETE jobs/a']);
    expect(manager.jobs.rows).toEqual([]);
  });

  it('do not ask where that is not wanted', async () => {
    const answers = { 'DELETE jobs/a': () => new Response(null, { status: 204 }) };
    const { commands, server } = setUp(answers, { set: { confirmDelete: false } });
    await commands.execute(CommandIDs.delete, { id: 'a' });
    expect(server.calls).toEqual(['DELETE jobs/a']);
  });
});

describe('commands on a sample', () => {
  it('copy and open it, or run it', async () => {
    const { commands, notebooks, server } = setUp({
      'POST samples/income/open': () => ({ path: 'income-1.ipynb' }),
      'POST samples/income/run': () => summary('a')
    });
    await commands.execute(CommandIDs.openSample, { name: 'income' });
    expect(notebooks.open).toHaveBeenCalledExactlyOnceWith('income-1.ipynb');
    await commands.execute(CommandIDs.runSample, { name: 'income' });
    expect(server.calls).toEqual(['POST samples/income/open', 'POST samples/income/run']);
    expect(commands.isEnabled(CommandIDs.runSample)).toBe(false);
  });
});

it('every command describes its arguments and has a label', () => {
  const { commands } = setUp();
  for (const id of Object.values(CommandIDs)) {
    expect(commands.label(id)).not.toBe('');
    expect(commands.hasCommand(id)).toBe(true);
  }
});

it('whoever shows commands hears when they may be enabled', () => {
  const { commands } = setUp();
  const changed: string[] = [];
  commands.commandChanged.connect((_, { id, type }) => type === 'changed' && changed.push(id ?? ''));
  notifyCommands(commands);
  expect(changed.sort()).toEqual(Object.values(CommandIDs).sort());
});
