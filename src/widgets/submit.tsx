import type { Contents } from '@jupyterlab/services';
import { MessageLoop } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { ReactWidget } from '@jupyterlab/ui-components';

import { SubmitModel } from '../components/submit/model';
import { TabStore } from '../components/submit/store';
import { SubmitView } from '../components/submit/SubmitView';
import { preferences } from '../preferences';
import { DOMAIN, type IServices } from '../tokens';

/** The submit form with its live preview. */
export class SubmitWidget extends ReactWidget {
  constructor(private readonly _options: SubmitWidget.IOptions) {
    super();
    this.addClass('jp-mltrain-SubmitWidget');
    const { manager, path, job, ensureSaved, settings, fileChanged } = _options;
    this._model = new SubmitModel({
      manager,
      path,
      job,
      ensureSaved,
      store: new TabStore(path),
      defaultBackend: () => preferences(settings).defaultBackend
    });
    fileChanged.connect(this._onFile);
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._options.fileChanged.disconnect(this._onFile);
      this._model.dispose();
      super.dispose();
    }
  }

  /** Fill the form with the values of a job. */
  fill(job: string): void {
    void this._model.fill(job);
  }

  protected override render(): JSX.Element {
    const { translator, close, save } = this._options;
    const trans = translator.load(DOMAIN);
    return <SubmitView model={this._model} services={this._options} trans={trans} save={save} close={close} />;
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

  private readonly _onFile = (_: unknown, { type, newValue }: Contents.IChangedArgs): void => {
    if (type === 'save' && newValue?.path === this._options.path) {
      void this._model.replan();
    }
  };

  private readonly _model: SubmitModel;
}

export namespace SubmitWidget {
  /** What the widget is made of. */
  export interface IOptions extends IServices {
    /** The notebook to train, as the contents manager names it. */
    path: string;
    /** Id of a job whose values the form is filled with. */
    job?: string;
    /** Emitted when a file was saved, among other things. */
    fileChanged: ISignal<unknown, Contents.IChangedArgs>;
    /** Offers to save the notebook where its editor has unsaved changes; false: the user wants to stop. */
    ensureSaved: () => Promise<boolean>;
    /** Writes a text beside the notebook under a name that is free, and opens it. */
    save: (extension: string, text: string) => Promise<void>;
    /** Called when a job was submitted, or the user gave up: the tab is to close. */
    close: () => void;
  }
}
