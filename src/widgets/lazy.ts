import { PanelLayout, Widget } from '@lumino/widgets';

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
      (this.layout as PanelLayout).addWidget(content);
    } catch (error) {
      this._onError(error);
    }
  }

  private _content: Widget | null = null;
  private _ready: Promise<void> | null = null;
}
