import { ReactWidget } from '@jupyterlab/ui-components';

import { JobView } from '../components/job/JobView';
import { isTab, type JobTab } from '../components/job/tabs';
import type { JobModel } from '../services/job';
import { DOMAIN, type IServices } from '../tokens';

/** One job with its tabs. */
export class JobWidget extends ReactWidget {
  constructor(private readonly _options: JobWidget.IOptions) {
    super();
    this.addClass('jp-mltrain-JobWidget');
    this._model = _options.manager.job(_options.id);
    this._model.changed.connect(this._onChanged);
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._model.dispose();
      super.dispose();
    }
  }

  /** Show a tab by its name, e.g. `logs`; a name that is none changes nothing. */
  showTab(name: string): void {
    if (isTab(name)) {
      this._tab = name;
      this.update();
    }
  }

  protected override render(): JSX.Element {
    const trans = this._options.translator.load(DOMAIN);
    const onTab = (tab: JobTab): void => this.showTab(tab);
    return <JobView model={this._model} services={this._options} trans={trans} tab={this._tab} onTab={onTab} />;
  }

  private readonly _onChanged = (): void => {
    this.title.label = this._model.summary?.name ?? this._options.id;
  };

  private readonly _model: JobModel;
  private _tab: JobTab = 'overview';
}

export namespace JobWidget {
  /** What the widget is made of. */
  export interface IOptions extends IServices {
    id: string;
  }
}
