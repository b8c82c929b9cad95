import { RenderMimeRegistry } from '@jupyterlab/rendermime';
import { ContentsManager, type Contents } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { plan } from '../components/submit/__tests__/fixtures';
import { SubmitWidget } from '../widgets/submit';
import { failure, fakeManager, settled, type Answer } from './server';

const widgets: SubmitWidget[] = [];
beforeEach(() => window.sessionStorage.clear());
afterEach(() => widgets.splice(0).forEach(widget => widget.dispose()));

interface IRig {
  widget: SubmitWidget;
  /** Tell that a file has changed. */
  tell: (change: Partial<Contents.IChangedArgs>) => Promise<void>;
  /** The notebooks that the server was asked about, oldest first. */
  asked: () => unknown[];
  /** How often the tab was told to be stored. */
  stored: () => number;
}

async function rig(path: string, answer: Answer = () => plan()): Promise<IRig> {
  const { manager, server } = fakeManager({ 'POST plans': answer });
  const fileChanged = new Signal<unknown, Contents.IChangedArgs>({});
  const widget = new SubmitWidget({
    manager,
    commands: new CommandRegistry(),
    translator: nullTranslator,
    rendermime: new RenderMimeRegistry(),
    contents: new ContentsManager(),
    settings: null,
    path,
    fileChanged,
    ensureSaved: () => Promise.resolve(true),
    save: () => Promise.resolve(),
    close: () => undefined
  });
  widgets.push(widget);
  let stored = 0;
  widget.stateChanged.connect(() => (stored += 1));
  await settled();
  return {
    widget,
    tell: change => {
      fileChanged.emit({ oldValue: null, newValue: null, ...change } as Contents.IChangedArgs);
      return settled();
    },
    asked: () =>
      server.received
        .filter(request => request.path === 'plans')
        .map(({ body }) => (body as { notebook: string }).notebook),
    stored: () => stored
  };
}

describe('the submit tab', () => {
  it('looks again when the notebook was saved, and at no other', async () => {
    const { tell, asked } = await rig('a/train.ipynb');
    await tell({ type: 'save', newValue: { path: 'a/train.ipynb' } });
    await tell({ type: 'save', newValue: { path: 'train.ipynb' } });
    expect(asked()).toEqual(['a/train.ipynb', 'a/train.ipynb']);
  });

  it.each([
    ['a/train.ipynb', 'a/größe.ipynb', 'a/größe.ipynb', 'Train größe'],
    ['a', 'b/c', 'b/c/train.ipynb', 'Train train']
  ])('goes with the notebook when %s becomes %s', async (before, after, path, title) => {
    const { widget, tell, asked, stored } = await rig('a/train.ipynb');
    await tell({ type: 'rename', oldValue: { path: before }, newValue: { path: after } });
    expect(asked()).toEqual(['a/train.ipynb', path]);
    expect([widget.title.label, widget.state, stored()]).toEqual([title, { path }, 1]);
    expect(Object.keys(window.sessionStorage)).toEqual([`jupyter-mltrain:submit:${path}`]);
    await tell({ type: 'save', newValue: { path } });
    expect(asked()).toEqual(['a/train.ipynb', path, path]);
  });

  it('stays where it is when something else is renamed', async () => {
    const { widget, tell, asked } = await rig('a/train.ipynb');
    await tell({ type: 'rename', oldValue: { path: 'a/tra' }, newValue: { path: 'b' } });
    expect([widget.state, asked()]).toEqual([{ path: 'a/train.ipynb' }, ['a/train.ipynb']]);
  });

  it.each(['a/train.ipynb', 'a'])('asks again when %s was deleted: the server says that it is gone', async place => {
    let isGone = false;
    const { tell, asked } = await rig('a/train.ipynb', () =>
      isGone ? failure(404, 'not-found', 'There is no notebook') : plan()
    );
    isGone = true;
    await tell({ type: 'delete', oldValue: { path: place } });
    expect(asked()).toHaveLength(2);
  });
});
