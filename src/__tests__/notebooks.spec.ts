import type { Contents } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it, vi } from 'vitest';

import { Notebooks } from '../notebooks';
import { settled } from './server';

function setUp({ open = null as string | null, selected = [] as Partial<Contents.IModel>[], dirty = false } = {}) {
  const model = { dirty };
  const context = { model, save: vi.fn(() => Promise.resolve(void (model.dirty = false))) };
  const docManager = {
    findWidget: () => (open === null ? undefined : {}),
    contextForWidget: () => context,
    openOrReveal: vi.fn()
  };
  const saved: string[] = [];
  const contents = {
    localPath: (path: string) => path.replace(/^RTC:/, ''),
    get: () => Promise.resolve({ content: ['a.py', 'sub/b.py', 'sub/b-1.py'].map(path => ({ path })) }),
    save: (path: string) => Promise.resolve(saved.push(path))
  };
  const notebooks = new Notebooks({
    docManager: docManager as never,
    contents: contents as never,
    tracker: { currentWidget: open === null ? null : { context: { localPath: open } } } as never,
    browser: { selectedItems: () => selected.values() } as never,
    trans: nullTranslator.load('')
  });
  return { notebooks, docManager, context, saved };
}

describe('Notebooks.choose', () => {
  const other = { type: 'notebook', path: 'RTC:other.ipynb' };

  it.each([
    ['a path', { path: 'a.ipynb' }, 'a.ipynb'],
    ['the open one', {}, 'open.ipynb'],
    ['the selected one, without its drive', { selected: true }, 'other.ipynb']
  ])('takes %s', async (_, args, path) => {
    const { notebooks } = setUp({ open: 'open.ipynb', selected: [other] });
    expect(notebooks.canChoose(args)).toBe(true);
    expect(await notebooks.choose(args)).toBe(path);
  });

  it('takes nothing that is no notebook', () => {
    const { notebooks } = setUp({ open: 'open.ipynb', selected: [{ type: 'file', path: 'a.txt' }] });
    expect(notebooks.canChoose({ selected: true })).toBe(false);
    expect(setUp().notebooks.canChoose({})).toBe(false);
    expect(setUp().notebooks.canChoose({ pick: true })).toBe(true);
  });
});

describe('Notebooks.ensureSaved', () => {
  const press = async (label: string): Promise<void> => {
    await settled();
    [...document.querySelectorAll<HTMLElement>('.jp-Dialog button')].find(node => node.textContent === label)!.click();
  };

  it('has nothing to do for what is saved or not open', async () => {
    expect(await setUp().notebooks.ensureSaved('a.ipynb')).toBe(true);
    const { notebooks, context } = setUp({ open: 'a.ipynb' });
    expect(await notebooks.ensureSaved('a.ipynb')).toBe(true);
    expect(context.save).not.toHaveBeenCalled();
  });

  it('saves if the user says so', async () => {
    const { notebooks, context } = setUp({ open: 'a.ipynb', dirty: true });
    const answer = notebooks.ensureSaved('a.ipynb');
    await press('Save and submit');
    expect(await answer).toBe(true);
    expect(context.save).toHaveBeenCalledOnce();
  });

  it('stops if the user does not, or if it cannot be saved', async () => {
    const cancelled = setUp({ open: 'a.ipynb', dirty: true });
    const first = cancelled.notebooks.ensureSaved('a.ipynb');
    await press('Cancel');
    expect(await first).toBe(false);
    expect(cancelled.context.save).not.toHaveBeenCalled();
    const broken = setUp({ open: 'a.ipynb', dirty: true });
    broken.context.save.mockResolvedValue(undefined);
    const second = broken.notebooks.ensureSaved('a.ipynb');
    await press('Save and submit');
    expect(await second).toBe(false);
  });
});

describe('Notebooks.saveBeside', () => {
  it.each([
    ['sub/c.ipynb', 'sub/c.py'],
    ['sub/b.ipynb', 'sub/b-2.py'],
    ['a.ipynb', 'a-1.py']
  ])('writes for %s %s, overwrites nothing, and opens it', async (path, script) => {
    const { notebooks, saved, docManager } = setUp();
    await notebooks.saveBeside(path, '.py', 'x = 1');
    expect(saved).toEqual([script]);
    expect(docManager.openOrReveal).toHaveBeenCalledWith(script);
  });
});
