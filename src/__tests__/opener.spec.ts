import type { ILabShell, ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { RenderMimeRegistry } from '@jupyterlab/rendermime';
import { ContentsManager } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { SplitPanel, Widget } from '@lumino/widgets';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { CommandIDs } from '../commands';
import type { INotebooks } from '../notebooks';
import { Opener } from '../opener';
import { fakeManager, summary } from './server';

// What is opened has tests of its own.
vi.mock('../widgets/panel', () => ({ TrainingPanel: Widget }));
vi.mock('../widgets/submit', () => ({ SubmitWidget: Widget }));
vi.mock('../widgets/job', () => ({ JobWidget: Widget }));

const worlds: Widget[] = [];
afterEach(() => worlds.splice(0).forEach(widget => widget.dispose()));

/** A shell that has one split panel: the side on the left, everything else on the right. */
function setUp({ isLab = true, restorer = null as ILayoutRestorer | null } = {}) {
  const { manager, channel } = fakeManager();
  const main = new SplitPanel();
  worlds.push(main);
  Widget.attach(main, document.body);
  const added: { widget: Widget; area: string; type?: string }[] = [];
  const shell = {
    currentWidget: null as Widget | null,
    add: (widget: Widget, area: string, options: { type?: string }) => {
      added.push({ widget, area, type: options.type });
      main.addWidget(widget);
    },
    activateById: vi.fn((id: string) => {
      shell.currentWidget = added.find(({ widget }) => widget.id === id)?.widget ?? null;
    })
  };
  const opener = new Opener({
    app: { shell, serviceManager: { contents: { fileChanged: new Signal({}) } } } as unknown as JupyterFrontEnd,
    labShell: isLab ? (shell as unknown as ILabShell) : null,
    restorer,
    services: {
      manager,
      commands: new CommandRegistry(),
      translator: nullTranslator,
      rendermime: new RenderMimeRegistry(),
      contents: new ContentsManager(),
      settings: null
    },
    notebooks: { ensureSaved: () => Promise.resolve(true) } as unknown as INotebooks,
    trans: nullTranslator.load('')
  });
  const labels = (): string[] => added.slice(1).map(({ widget }) => widget.title.label);
  return { opener, manager, channel, shell, main, added, labels };
}

describe('Opener', () => {
  it('opens a submission once for each notebook', () => {
    const { opener, added, labels, shell } = setUp();
    opener.openSubmit('a b/größe.ipynb');
    opener.openSubmit('other.ipynb');
    opener.openSubmit('a b/größe.ipynb');
    expect(labels()).toEqual(['Train größe', 'Train other']);
    expect(shell.activateById).toHaveBeenLastCalledWith(added[1].widget.id);
    expect(added[1]).toMatchObject({ area: 'main' });
  });

  it('opens a job once, with the best name that is known', async () => {
    const { opener, labels, manager } = setUp();
    manager.jobs.apply(summary('b', { name: 'train-b' }));
    await opener.openJob('a', { name: 'train-a' });
    await opener.openJob('a');
    await opener.openJob('b');
    await opener.openJob('c');
    expect(labels()).toEqual(['train-a', 'train-b', 'c']);
  });

  it('knows the job in front', async () => {
    const { opener, shell } = setUp();
    expect(opener.currentJob).toBeNull();
    await opener.openJob('a');
    expect(opener.currentJob).toBe('a');
    shell.currentWidget = null;
    expect(opener.currentJob).toBeNull();
  });

  it('keeps apart for JupyterLab where the panel and where the tabs were put', async () => {
    const { opener, added } = setUp();
    await opener.openJob('a');
    expect(added[0].area).toBe('left');
    expect(added[0].type).not.toBe(added[1].type);
  });

  it('shows the tabs at the side, with room, where the main area has but one place', async () => {
    const { opener, added, main } = setUp({ isLab: false });
    const setRelativeSizes = vi.spyOn(main, 'setRelativeSizes');
    await opener.openJob('a');
    expect(added[1].area).toBe('right');
    const [panel, tab] = setRelativeSizes.mock.calls[0][0];
    expect(tab).toBeGreaterThan(panel);
  });

  it('has tabs brought back by the commands that open them', async () => {
    const restored: Record<string, Parameters<ILayoutRestorer['restore']>[1]> = {};
    const restorer = {
      add: vi.fn(),
      restore: (_: unknown, options: Parameters<ILayoutRestorer['restore']>[1]) => {
        restored[options.command] = options;
        return Promise.resolve();
      }
    };
    const { opener, added } = setUp({ restorer: restorer as unknown as ILayoutRestorer });
    expect(restorer.add).toHaveBeenCalledExactlyOnceWith(added[0].widget, added[0].widget.id);
    await opener.openJob('a', { name: 'train-a', tab: 'logs' });
    opener.openSubmit('n.ipynb');
    const argsOf = (command: string, index: number): unknown =>
      (restored[command].args as (widget: Widget) => unknown)(added[index].widget);
    expect(argsOf(CommandIDs.openJob, 1)).toEqual({ id: 'a', name: 'train-a', tab: 'logs' });
    expect(argsOf(CommandIDs.submit, 2)).toMatchObject({ path: 'n.ipynb' });
  });
});
