import type { ILabShell, ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker, showErrorMessage } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { SplitPanel, type Widget } from '@lumino/widgets';

import { CommandIDs } from './commands';
import { trainIcon } from './icons';
import type { INotebooks } from './notebooks';
import type { IServices } from './tokens';
import { LazyWidget } from './widgets/lazy';

/** JupyterLab keeps where the user puts widgets by their type: the tabs' is another than the panel's. */
const TAB_TYPE = 'Training';

/** Opens what the extension shows. */
export interface IOpener {
  /** Id of the job whose tab is in front; null: there is none. */
  readonly currentJob: string | null;
  /** Emitted when another job's tab has come to the front. */
  readonly currentJobChanged: ISignal<unknown, unknown>;
  showPanel(): void;
  openSubmit(path: string, options?: IOpenSubmitOptions): void;
  openJob(id: string, options?: IOpenJobOptions): Promise<void>;
}

/** How the form of a notebook is opened. */
export interface IOpenSubmitOptions {
  /** Id of the job whose values it is filled with. */
  job?: string;
  /** Name of the preview's tab to show. */
  preview?: string;
}

/** What the form's widget can do when it is there already. */
interface ISubmit {
  fill?: (job: string) => void;
  showPreview?: (name: string) => void;
}

/** How a job's tab is opened. */
export interface IOpenJobOptions {
  /** The job's name, where it is known: the title until the job is loaded. */
  name?: string;
  /** Name of the tab within, e.g. `logs`. */
  tab?: string;
}

/** A tab of the main area, which knows how it was opened. */
class Tab extends MainAreaWidget<LazyWidget> {
  constructor(
    readonly args: Readonly<Record<string, string>>,
    load: (tab: Tab) => Promise<Widget>,
    onError: (error: unknown) => void
  ) {
    super({ content: new LazyWidget(() => load(this), onError) });
    this.toolbar.hide(); // nobody has put anything into it
  }

  /** How it would be opened again as it is now. */
  get current(): Tab['args'] {
    return { ...this.args, ...this.content.state };
  }
}

/** Opens the panel and the tabs in the application's shell, and brings them back after a reload. */
export class Opener implements IOpener {
  constructor(private readonly _options: Opener.IOptions) {
    this._panel = this._addPanel();
    if (_options.restorer) {
      this._restore(_options.restorer);
    }
  }

  get currentJob(): string | null {
    const tab = this._jobs.currentWidget;
    return tab && tab === this._options.app.shell.currentWidget ? tab.args.id : null;
  }

  get currentJobChanged(): ISignal<unknown, unknown> {
    return this._jobs.currentChanged;
  }

  showPanel(): void {
    this._options.app.shell.activateById(this._panel.id);
  }

  openSubmit(path: string, options: IOpenSubmitOptions = {}): void {
    const known = this._find(this._submits, 'path', path);
    const tab = known ?? this._addSubmit(path, options);
    this._options.app.shell.activateById(tab.id);
    if (known) {
      const { job, preview } = options;
      void known.content.ready.then(() => {
        const inner = known.content.inner as ISubmit | null;
        if (job) {
          inner?.fill?.(job);
        }
        if (preview) {
          inner?.showPreview?.(preview);
        }
      });
    }
  }

  async openJob(id: string, { name, tab: within }: IOpenJobOptions = {}): Promise<void> {
    const known = this._find(this._jobs, 'id', id);
    const tab = known ?? this._addJob(id, name, within);
    this._options.app.shell.activateById(tab.id);
    if (known && within) {
      await tab.content.ready;
      (tab.content.inner as { showTab?: (name: string) => void } | null)?.showTab?.(within);
    }
  }

  private _addPanel(): LazyWidget {
    const { app, restorer, services, trans } = this._options;
    const panel = new LazyWidget(
      async () => new (await import('./widgets/panel')).TrainingPanel(services),
      this._onError
    );
    panel.id = 'jupyter-mltrain-panel';
    panel.title.icon = trainIcon;
    panel.title.caption = trans.__('Training');
    panel.node.setAttribute('role', 'region');
    panel.node.setAttribute('aria-label', trans.__('Training'));
    app.shell.add(panel, 'left', { rank: 350, type: 'Training Jobs' });
    restorer?.add(panel, panel.id);
    return panel;
  }

  private _addSubmit(path: string, { job, preview }: IOpenSubmitOptions): Tab {
    const { app, notebooks, services, trans } = this._options;
    const load = async (tab: Tab): Promise<Widget> =>
      new (await import('./widgets/submit')).SubmitWidget({
        ...services,
        path,
        job,
        preview,
        fileChanged: app.serviceManager.contents.fileChanged,
        ensureSaved: path => notebooks.ensureSaved(path),
        save: (path, extension, text) => notebooks.saveBeside(path, extension, text),
        close: () => tab.dispose()
      });
    const tab = new Tab({ path }, load, this._onError);
    tab.id = `jupyter-mltrain-submit-${++this._count}`;
    tab.title.label = trans.__('Train %1', PathExt.basename(path, '.ipynb'));
    return this._add(tab, this._submits);
  }

  private _addJob(id: string, name?: string, within?: string): Tab {
    const { services } = this._options;
    const load = async (): Promise<Widget> =>
      new (await import('./widgets/job')).JobWidget({ ...services, id, tab: within });
    const tab = new Tab(within ? { id, tab: within } : { id }, load, this._onError);
    tab.id = `jupyter-mltrain-job-${id}`;
    tab.title.label = name ?? services.manager.jobs.get(id)?.name ?? id;
    return this._add(tab, this._jobs);
  }

  private _add(tab: Tab, tracker: WidgetTracker<Tab>): Tab {
    const { app, labShell } = this._options;
    tab.title.icon = trainIcon;
    tab.title.closable = true;
    if (labShell) {
      app.shell.add(tab, 'main', { type: TAB_TYPE });
    } else {
      // Notebook's main area holds its one document only.
      app.shell.add(tab, 'right', { type: TAB_TYPE });
      shareWindow(tab);
    }
    void tracker.add(tab);
    tab.title.changed.connect(() => void tracker.save(tab));
    tab.content.stateChanged.connect(() => void tracker.save(tab));
    return tab;
  }

  private _restore(restorer: ILayoutRestorer): void {
    const args = (tab: Tab): Tab['args'] => ({ ...tab.current, name: tab.title.label });
    void restorer.restore(this._jobs, { command: CommandIDs.openJob, args, name: tab => `job:${tab.args.id}` });
    void restorer.restore(this._submits, {
      command: CommandIDs.submit,
      args,
      name: tab => `submit:${tab.current.path}`
    });
  }

  private _find(tracker: WidgetTracker<Tab>, key: string, value: string): Tab | undefined {
    return tracker.find(tab => tab.current[key] === value);
  }

  private _onError = (error: unknown): void => {
    void showErrorMessage(this._options.trans.__('Training'), error as Error);
  };

  private readonly _jobs = new WidgetTracker<Tab>({ namespace: 'jupyter-mltrain-jobs' });
  private readonly _submits = new WidgetTracker<Tab>({ namespace: 'jupyter-mltrain-submits' });
  private readonly _panel: LazyWidget;
  private _count = 0;
}

/** Give the side area that a widget is in half of the window: what is made for the main area needs the room. */
function shareWindow(widget: Widget): void {
  let parent = widget.parent;
  while (parent && !(parent instanceof SplitPanel)) {
    parent = parent.parent;
  }
  parent?.setRelativeSizes(parent.widgets.map((_, index) => (index === 0 ? 0.3 : 1)));
}

export namespace Opener {
  /** What it works with. */
  export interface IOptions {
    app: JupyterFrontEnd;
    labShell: ILabShell | null;
    restorer: ILayoutRestorer | null;
    services: IServices;
    notebooks: INotebooks;
    trans: TranslationBundle;
  }
}
