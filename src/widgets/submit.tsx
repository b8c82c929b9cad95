import { PathExt } from '@jupyterlab/coreutils';
import type { Contents } from '@jupyterlab/services';
import { ReactWidget } from '@jupyterlab/ui-components';
import { MessageLoop } from '@lumino/messaging';
import { Signal, type ISignal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import { PREVIEWS, SubmitModel } from '../components/submit/model';
import { TabStore } from '../components/submit/store';
import { SubmitView } from '../components/submit/SubmitView';
import { preferences } from '../preferences';
import { DOMAIN, type IServices } from '../tokens';
import type { IStateful } from './lazy';

/** The submit form with its live preview. */
export class SubmitWidget extends ReactWidget implements IStateful {
  constructor(private readonly _options: SubmitWidget.IOptions) {
    super();
    this.addClass('jp-mltrain-SubmitWidget');
    const { manager, path, job, ensureSaved, settings, fileChanged } = _options;
    this._model = new SubmitModel({
      manager,
      path,
      job,
      ensureSaved: () => ensureSaved(this._model.path),
      store: new TabStore(path),
      defaultBackend: () => preferences(settings).defaultBackend,
      repository: {
        get: () => preferences(settings).imageRepository,
        set: prefix => void settings?.set('imageRepository', prefix)
      }
    });
    fileChanged.connect(this._onFile);
    this.showPreview(_options.preview);
  }

  /** What is to be brought back after a reload: the notebook, wherever it is by then. */
  get state(): Readonly<Record<string, string>> {
    return { path: this._model.path };
  }

  get stateChanged(): ISignal<this, void> {
    return this._stateChanged;
  }

  override dispose(): void {
    if (!this.isDisposed) {
      Signal.clearData(this);
      this._options.fileChanged.disconnect(this._onFile);
      this._model.dispose();
      super.dispose();
    }
  }

  /** Fill the form with the values of a job. */
  fill(job: string): void {
    void this._model.fill(job);
  }

  /** Show one of the preview's tabs, by its name. */
  showPreview(name: string | undefined): void {
    const preview = PREVIEWS.find(one => one === name);
    if (preview) {
      this._model.showPreview(preview);
    }
  }

  protected override render(): JSX.Element {
    const { translator, close, save } = this._options;
    const trans = translator.load(DOMAIN);
    const saveBeside = (extension: string, text: string): Promise<void> => save(this._model.path, extension, text);
    return <SubmitView model={this._model} services={this._options} trans={trans} save={saveBeside} close={close} />;
  }

  /** The notebook may have changed while the form was out of sight. */
  protected override onAfterShow(): void {
    void this._model.replan();
  }

  /** The focus goes to the title: the next Tab leads to the first field, and Ctrl+Enter submits. */
  protected override onActivateRequest(): void {
    MessageLoop.sendMessage(this, Widget.Msg.UpdateRequest);
    void this.renderPromise?.then(() => this.node.querySelector<HTMLElement>('h2')?.focus());
  }

  private readonly _onFile = (_: unknown, { type, oldValue, newValue }: Contents.IChangedArgs): void => {
    const { path } = this._model;
    if (type === 'save' && newValue?.path === path) {
      void this._model.replan();
    } else if (type === 'rename' && newValue?.path && isWithin(path, oldValue?.path)) {
      this._move(newValue.path + path.slice(oldValue!.path!.length));
    } else if (type === 'delete' && isWithin(path, oldValue?.path)) {
      void this._model.replan(); // the server says that there is no such notebook
    }
  };

  private _move(path: string): void {
    const trans = this._options.translator.load(DOMAIN);
    this._model.move(path);
    this.title.label = trans.__('Train %1', PathExt.basename(path, '.ipynb'));
    this._stateChanged.emit();
  }

  private readonly _stateChanged = new Signal<this, void>(this);
  private readonly _model: SubmitModel;
}

/** Whether a path is this one, or in the folder that it is. */
function isWithin(path: string, place: string | undefined): boolean {
  return place !== undefined && (path === place || path.startsWith(`${place}/`));
}

export namespace SubmitWidget {
  /** What the widget is made of. */
  export interface IOptions extends IServices {
    /** The notebook to train, as the contents manager names it; the widget goes with it when it gets another path. */
    path: string;
    /** Id of a job whose values the form is filled with. */
    job?: string;
    /** Name of the preview's tab that is shown at first. */
    preview?: string;
    /** Emitted when a file was saved, among other things. */
    fileChanged: ISignal<unknown, Contents.IChangedArgs>;
    /** Offers to save the notebook where its editor has unsaved changes; false: the user wants to stop. */
    ensureSaved: (path: string) => Promise<boolean>;
    /** Writes a text beside the notebook under a name that is free, and opens it. */
    save: (path: string, extension: string, text: string) => Promise<void>;
    /** Called when a job was submitted, or the user gave up: the tab is to close. */
    close: () => void;
  }
}
