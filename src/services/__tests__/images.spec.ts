import { Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { afterEach, describe, expect, it } from 'vitest';

import { build, built, step } from '../../__tests__/images';
import { failure, fakeManager, settled, type Answer } from '../../__tests__/server';
import { CommandIDs } from '../../commands';
import { preferences, type IPreferences } from '../../preferences';
import type { ImageBuild } from '../../types';
import { tellOfBuilds } from '../image-notices';
import { LOST } from '../images';

async function setUp(
  options: { set?: Partial<IPreferences>; answers?: Record<string, Answer>; claim?: () => Promise<boolean> } = {}
) {
  const { manager, channel, server } = fakeManager(options.answers);
  const opened: unknown[] = [];
  const commands = new CommandRegistry();
  commands.addCommand(CommandIDs.openImage, { execute: ({ path }) => void opened.push(path) });
  const told = tellOfBuilds({
    manager,
    commands,
    trans: nullTranslator.load(''),
    preferences: () => ({ ...preferences(null), ...options.set }),
    claim: options.claim ?? (() => Promise.resolve(true))
  });
  await settled();
  const page = async (...builds: ImageBuild[]): Promise<void> => {
    channel.emit('images', { type: 'images', builds });
    await settled();
  };
  const change = async (...changed: ImageBuild[]): Promise<void> => {
    channel.emit('images', { type: 'imagesChanged', changed });
    await settled();
  };
  return { manager, images: manager.images, server, told, opened, page, change };
}

/** What stands there now: type, text, progress, buttons. */
const shown = (): unknown[] =>
  Notification.manager.notifications.map(({ type, message, options }) => [
    type,
    message,
    options.progress,
    ...(options.actions ?? []).map(({ label }) => label)
  ]);

const press = (label: string): void =>
  Notification.manager.notifications[0].options
    .actions!.find(action => action.label === label)!
    .callback(new MouseEvent('click', { cancelable: true }));

afterEach(() => Notification.dismiss());

describe('builds', () => {
  it('are kept up to date, the newest first', async () => {
    const { images, page, change } = await setUp();
    await page(build('a'));
    await change(build('b'), build('a', { state: 'cancelled' }));
    expect(images.builds.map(({ id, state }) => [id, state])).toEqual([
      ['b', 'running'],
      ['a', 'cancelled']
    ]);
  });

  it('of a notebook: the one that goes on, else the last', async () => {
    const { images, page } = await setUp();
    const done = { state: 'succeeded' as const };
    await page(build('c', done), build('b'), build('a', { notebook: 'other.ipynb', ...done }));
    expect(images.of('work/train.ipynb')?.id).toBe('b');
    expect(images.of('other.ipynb')?.id).toBe('a');
    expect(images.of('none.ipynb')).toBeNull();
  });

  it('begin once, also where the socket was faster than the answer', async () => {
    const { images, server, change } = await setUp({ answers: { 'POST images': () => build('a') } });
    await change(build('a', { fraction: 0.5 }));
    await images.start({ submission: { notebook: 'work/train.ipynb' } });
    expect(images.builds.map(({ id, fraction }) => [id, fraction])).toEqual([['a', 0.5]]);
    expect(server.received[0].body).toMatchObject({ token: expect.stringMatching(/^[\w-]{36}$/) });
  });

  it('that ended with the server have failed', async () => {
    const { images, page } = await setUp();
    await page(build('a'), build('b', { state: 'succeeded' }));
    await page();
    expect(images.builds.map(({ id, state, error }) => [id, state, error?.code])).toEqual([['a', 'failed', LOST]]);
  });
});

describe('notices of builds', () => {
  it('one from the beginning to the end', async () => {
    const { page, change } = await setUp();
    await page(build('a', { state: 'waiting', position: 2 }));
    expect(shown()).toEqual([
      ['in-progress', 'Image of train: Waits for its turn: number 2 in the queue', undefined, 'Cancel']
    ]);
    const steps = [step({ step: 'fetch', name: 'six 1.17.0', state: 'done' }), step()];
    await change(build('a', { steps, fraction: 0.5 }));
    expect(shown()).toEqual([
      ['in-progress', 'Image of train: 50 % · tensorflow 2.21.0: pushed 120 of 230 B', 0.5, 'Cancel']
    ]);
    await change(build('a', { state: 'succeeded', fraction: 1, image: built() }));
    const text = 'Image pushed: registry.example.com/team/train@sha256:121212121212… · pushed 14 KiB in 0.40 s';
    expect(shown()).toEqual([['success', text, undefined, 'Copy Reference']]);
  });

  it('nothing of what had ended before', async () => {
    const { page } = await setUp();
    await page(build('a', { state: 'succeeded', image: built() }));
    expect(shown()).toEqual([]);
  });

  it('the reason of a failure, with what to do', async () => {
    const { page, change } = await setUp();
    await page(build('a'));
    const error = { code: 'registry-unauthorised', message: 'The registry refuses.', hint: 'Log in.', details: {} };
    await change(build('a', { state: 'failed', error }));
    expect(shown()).toEqual([
      ['error', 'Image of train: The registry refuses. Log in.', undefined, 'Details', 'Open Image']
    ]);
  });

  it('of a failure leads to the image, where all of it is said', async () => {
    const { page, change, opened } = await setUp();
    await page(build('a'));
    await change(build('a', { state: 'failed', error: { code: 'x', message: 'No.', hint: '', details: {} } }));
    press('Open Image');
    expect(opened).toEqual(['work/train.ipynb']);
  });

  it('in words what nobody knows after a restart of the server', async () => {
    const { page } = await setUp();
    await page(build('a'));
    await page();
    expect(shown()).toEqual([
      ['error', expect.stringContaining('the Jupyter server was started again'), undefined, 'Details', 'Open Image']
    ]);
  });

  it('cancel, and that it stops', async () => {
    const { server, page, change } = await setUp({
      answers: { 'DELETE images/a': () => new Response(null, { status: 204 }) }
    });
    await page(build('a'));
    press('Cancel');
    await settled();
    expect(server.calls).toEqual(['DELETE images/a']);
    await change(build('a', { cancelling: true }));
    expect(shown()).toEqual([['in-progress', 'Image of train: Stopping…', undefined]]);
    await change(build('a', { state: 'cancelled' }));
    expect(shown()).toEqual([['info', 'Image of train: Cancelled', undefined]]);
  });

  it('a cancel that comes too late says nothing', async () => {
    const { page } = await setUp({ answers: { 'DELETE images/a': () => failure(404, 'not-found', 'no') } });
    await page(build('a'));
    press('Cancel');
    await settled();
    expect(shown()).toHaveLength(1);
  });

  it('of two pages one tells the end', async () => {
    const { page, change } = await setUp({ claim: () => Promise.resolve(false) });
    await page(build('a'));
    await change(build('a', { state: 'succeeded', image: built() }));
    expect(shown()).toEqual([]);
  });

  it('only what was begun here, or nothing, where that is set', async () => {
    const mine = await setUp({ set: { notices: 'mine' }, answers: { 'POST images': () => build('m') } });
    await mine.page(build('a'));
    expect(shown()).toEqual([]);
    await mine.images.start({ submission: { notebook: 'work/train.ipynb' } });
    expect(shown()).toHaveLength(1);
    mine.told.dispose();
    Notification.dismiss();
    const none = await setUp({ set: { notices: 'none' } });
    await none.page(build('a'));
    expect(shown()).toEqual([]);
  });
});
