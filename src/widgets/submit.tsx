import { ReactWidget } from '@jupyterlab/ui-components';

import { Empty } from '../components/common';
import type { IServices } from '../tokens';

/** The submit form with its live preview. */
export class SubmitWidget extends ReactWidget {
  constructor(private readonly _options: SubmitWidget.IOptions) {
    super();
    this.addClass('jp-mltrain-SubmitWidget');
  }

  protected override render(): JSX.Element {
    const trans = this._options.translator.load('jupyter_mltrain');
    return <Empty title={trans.__('Training')} />;
  }
}

export namespace SubmitWidget {
  /** What the widget is made of. */
  export interface IOptions extends IServices {
    /** The notebook to train, as the contents manager names it. */
    path: string;
    /** Offers to save the notebook where its editor has unsaved changes; false: the user wants to stop. */
    ensureSaved: () => Promise<boolean>;
    /** Called when a job was submitted, or the user gave up: the tab is to close. */
    close: () => void;
  }
}
