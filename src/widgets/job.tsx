import { ReactWidget } from '@jupyterlab/ui-components';
import { Signal, type ISignal } from '@lumino/signaling';

import { JobView } from '../components/job/JobView';
import { isTab, type JobTab } from '../components/job/tabs';
import type { JobModel } from '../services/job';
import { DOMAIN, type IServices } from '../tokens';
import type { IStateful } from './lazy';

/** One job with its tabs. */
export class JobWidget extends ReactWidget implements IStateful {
  constructor(private readonly _options: JobWidget.IOptions) {
    super();
    this.addClass('jp-mltrain-JobWidget');
    this._model = _options.manager.job(_options.id);
    this._model.changed.connect(this._onChanged);
    this.showTab(_options.tab ?? '');
  }

  /** What is to be brought back after a reload: the tab that is shown. */
  get state(): Readonly<Record<string, string>> {
    return { tab: this._tab };
  }

  get stateChanged(): ISignal<this, void> {
    return this._stateChanged;
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._model.dispose();
      Signal.clearData(this);
      super.dispose();
    }
  }

  /** Show a tab by its name, e.g. `logs`; a name that is none changes nothing. */
  showTab(name: string): void {
    if (isTab(name) && name !== this._tab) {
      this._tab = name;
      this.update();
      this._stateChanged.emit();
    }
  }

  protected override render(): JSX.Element {
    const trans = this._options.translator.load(DOMAIN);
    const onTab = (tab: JobTab): void => this.showTab(tab);
    return <JobView model={this._model} services={this._options} trans={trans} tab={this._tab} onTab={onTab} />;
  }

  private readonly _onChanged = (): void => {
    const { summary } = this._model;
    if (summary) {
      this.title.label = summary.name;
      this.title.caption = [summary.name, summary.notebook, summary.phase].filter(Boolean).join('\n');
    }
  };

  private readonly _model: JobModel;
  private readonly _stateChanged = new Signal<this, void>(this);
  private _tab: JobTab = 'overview';
}

export namespace JobWidget {
  /** What the widget is made of. */
  export interface IOptions extends IServices {
    id: string;
    /** Name of the tab to show at first. */
    tab?: string;
  }
}
