import { PageConfig } from '@jupyterlab/coreutils';
import { afterEach, expect, it, vi } from 'vitest';

import { settled } from '../../__tests__/server';
import { fakeSettings } from '../../__tests__/sockets';
import { AbsentChannel, absentSettings, hasServerExtension } from '../absent';
import { TrainingManager } from '../manager';

afterEach(() => PageConfig.setOption('jupyterMltrain', ''));

it('knows from the page whether the server has its half', () => {
  expect(hasServerExtension()).toBe(false);
  PageConfig.setOption('jupyterMltrain', 'true');
  expect(hasServerExtension()).toBe(true);
});

it('says to all that the server has no extension, without asking it', async () => {
  const fetch = vi.fn();
  const serverSettings = absentSettings(fakeSettings(fetch));
  const manager = new TrainingManager({ serverSettings, channel: new AbsentChannel() });
  expect(manager.jobs.error).toBeNull();
  await settled();
  expect(manager.jobs.error?.code).toBe('http-404');
  await expect(manager.submit({ notebook: 'a.ipynb' })).rejects.toMatchObject({ code: 'http-404' });
  await manager.places.load();
  expect(manager.places.error?.code).toBe('http-404');
  expect(fetch).not.toHaveBeenCalled();
});

it('says nothing to those who have left', async () => {
  const channel = new AbsentChannel();
  const listener = vi.fn();
  channel.subscribe('jobs', listener).dispose();
  await settled();
  expect(listener).not.toHaveBeenCalled();
});
