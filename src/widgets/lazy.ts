import { Signal, type ISignal } from '@lumino/signaling';
import { PanelLayout, Widget } from '@lumino/widgets';

/** Something that a reload of the page is to bring back as it was left. */
export interface IStateful {
  /** Arguments for whoever opens it again. */
  readonly state: Readonly<Record<string, string>>;
  readonly stateChanged: ISignal<IStateful, void>;
}

/** A widget whose content is loaded when it is first shown. */
export class LazyWidget extends Widget {
  /** `load` is called once; what it throws is shown by `onError`. */
  constructor(
    private readonly _load: () => Promise<Widget>,
    private readonly _onError: (error: unknown) => void = console.error
  ) {
    super();
    this.addClass('jp-mltrain-Lazy');
    this.layout = new PanelLayout({ fitPolicy: 'set-no-constraint' });
  }

  /** Resolves when the content is there, or could not be loaded. */
  get ready(): Promise<void> {
    this._ready ??= this._fill();
    return this._ready;
  }

  /** The content; null before it is there. */
  get inner(): Widget | null {
    return this._content;
  }

  /** The content's state; empty where it has none. */
  get state(): IStateful['state'] {
    return isStateful(this._content) ? this._content.state : {};
  }

  get stateChanged(): ISignal<this, void> {
    return this._stateChanged;
  }

  override dispose(): void {
    super.dispose();
    Signal.clearData(this);
  }

  protected override onAfterShow(): void {
    void this.ready;
  }

  protected override onAfterAttach(): void {
    if (this.isVisible) {
      void this.ready;
    }
  }

  protected override onActivateRequest(): void {
    this.node.tabIndex = -1;
    this.node.focus();
    void this.ready.then(() => this._content?.activate());
  }

  private async _fill(): Promise<void> {
    try {
      const content = await this._load();
      if (this.isDisposed) {
        content.dispose();
        return;
      }
      this._content = content;
      this._takeTitle();
      content.title.changed.connect(() => this._takeTitle());
      if (isStateful(content)) {
        content.stateChanged.connect(() => this._stateChanged.emit());
      }
      (this.layout as PanelLayout).addWidget(content);
    } catch (error) {
      this._ready = null; // to be tried again when it is next shown
      this._onError(error);
    }
  }

  /** The content knows best what it is called; until it says so, whoever made this widget does. */
  private _takeTitle(): void {
    const { label, caption } = this._content!.title;
    this.title.label = label || this.title.label;
    this.title.caption = caption || this.title.caption;
  }

  private readonly _stateChanged = new Signal<this, void>(this);
  private _content: Widget | null = null;
  private _ready: Promise<void> | null = null;
}

function isStateful(content: unknown): content is IStateful {
  return content !== null && typeof content === 'object' && 'stateChanged' in content;
}
