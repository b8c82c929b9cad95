import { ReactWidget } from '@jupyterlab/ui-components';

import { Panel } from '../components/panel/Panel';
import { DOMAIN, type IServices } from '../tokens';

/** The list of jobs, the samples and what the machine has. */
export class TrainingPanel extends ReactWidget {
  constructor(private readonly _options: TrainingPanel.IOptions) {
    super();
    this.addClass('jp-mltrain-TrainingPanel');
  }

  protected override render(): JSX.Element {
    const trans = this._options.translator.load(DOMAIN);
    return <Panel services={this._options} trans={trans} isVisible={this.isVisible} />;
  }

  protected override onAfterShow(): void {
    this.update();
  }

  protected override onAfterHide(): void {
    this.update();
  }

  protected override onActivateRequest(): void {
    const row = this.node.querySelector<HTMLElement>('[role="row"][tabindex="0"]');
    (row ?? this.node.querySelector<HTMLElement>('input'))?.focus();
  }
}

export namespace TrainingPanel {
  /** What the widget is made of. */
  export type IOptions = IServices;
}
