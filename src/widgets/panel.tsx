import { ReactWidget } from '@jupyterlab/ui-components';

import { Empty } from '../components/common';
import type { IServices } from '../tokens';

/** The list of jobs, the samples and what the machine has. */
export class TrainingPanel extends ReactWidget {
  constructor(private readonly _options: TrainingPanel.IOptions) {
    super();
    this.addClass('jp-mltrain-TrainingPanel');
  }

  protected override render(): JSX.Element {
    const trans = this._options.translator.load('jupyter_mltrain');
    return <Empty title={trans.__('Training')} />;
  }
}

export namespace TrainingPanel {
  /** What the widget is made of. */
  export type IOptions = IServices;
}
