import { ReactWidget } from '@jupyterlab/ui-components';

import { Empty } from '../components/common';
import type { IServices } from '../tokens';

/** One job with its tabs. */
export class JobWidget extends ReactWidget {
  constructor(private readonly _options: JobWidget.IOptions) {
    super();
    this.addClass('jp-mltrain-JobWidget');
  }

  protected override render(): JSX.Element {
    const trans = this._options.translator.load('jupyter_mltrain');
    return <Empty title={trans.__('Training')} />;
  }
}

export namespace JobWidget {
  /** What the widget is made of. */
  export interface IOptions extends IServices {
    id: string;
  }
}
