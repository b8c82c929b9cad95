import { Dialog, showDialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import { FileDialog, type IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

/** Which notebook a command is about. */
export interface INotebookArguments {
  /** This one; without a path the one that is open. */
  path?: string;
  /** The one that is selected in the file browser. */
  selected?: boolean;
  /** The one that the user picks in a dialog. */
  pick?: boolean;
}

/** The notebooks that are open or can be. Paths are the contents manager's, without a drive. */
export interface INotebooks {
  /** Whether a command's arguments mean a notebook. */
  canChoose(args: INotebookArguments): boolean;
  /** Return the notebook that a command's arguments mean; where there is none, the user picks; null: they did not. */
  choose(args: INotebookArguments): Promise<string | null>;
  /** Offer to save a notebook whose editor has unsaved changes; false: the user wants to stop. */
  ensureSaved(path: string): Promise<boolean>;
  /** Write a text beside a notebook under a name that is free, and open it. */
  saveBeside(path: string, extension: string, text: string): Promise<void>;
  open(path: string): void;
}

/** The notebooks of this application. */
export class Notebooks implements INotebooks {
  constructor(private readonly _options: Notebooks.IOptions) {}

  canChoose(args: INotebookArguments): boolean {
    return args.pick === true || this._find(args) !== null;
  }

  async choose(args: INotebookArguments): Promise<string | null> {
    return this._find(args) ?? (await this._pick());
  }

  async ensureSaved(path: string): Promise<boolean> {
    const { docManager, trans } = this._options;
    const widget = docManager.findWidget(path, null);
    const context = widget && docManager.contextForWidget(widget);
    if (!context?.model.dirty) {
      return true;
    }
    const answer = await showDialog({
      title: trans.__('Save %1?', PathExt.basename(path)),
      body: trans.__('It has unsaved changes. What is saved is what is trained.'),
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: trans.__('Save and submit') })]
    });
    if (answer.button.accept) {
      await context.save();
    }
    // A save that failed has told so in a dialog of its own.
    return answer.button.accept && !context.model.dirty;
  }

  async saveBeside(path: string, extension: string, text: string): Promise<void> {
    const { contents } = this._options;
    const stem = path.slice(0, path.length - PathExt.extname(path).length);
    const folder = await contents.get(PathExt.dirname(path));
    const names = new Set((folder.content as Contents.IModel[]).map(item => item.path));
    let free = stem + extension;
    for (let number = 1; names.has(free); number++) {
      free = `${stem}-${number}${extension}`;
    }
    await contents.save(free, { type: 'file', format: 'text', content: text });
    this.open(free);
  }

  open(path: string): void {
    this._options.docManager.openOrReveal(path);
  }

  private _find({ path, selected, pick }: INotebookArguments): string | null {
    if (path || pick) {
      return path ?? null;
    }
    return selected ? this._selected() : this._current();
  }

  /** The notebook that was last in front: not the file browser's selection. */
  private _current(): string | null {
    return this._options.tracker?.currentWidget?.context.localPath ?? null;
  }

  private _selected(): string | null {
    const item = this._options.browser?.selectedItems().next().value as Contents.IModel | undefined;
    return item?.type === 'notebook' ? this._options.contents.localPath(item.path) : null;
  }

  private async _pick(): Promise<string | null> {
    const { docManager, contents, trans } = this._options;
    const answer = await FileDialog.getOpenFiles({
      manager: docManager,
      title: trans.__('Which notebook is to be trained?'),
      filter: model => (model.type === 'notebook' || model.type === 'directory' ? {} : null)
    });
    const picked = answer.button.accept ? answer.value?.find(item => item.type === 'notebook') : undefined;
    return picked ? contents.localPath(picked.path) : null;
  }
}

export namespace Notebooks {
  /** What it works with. */
  export interface IOptions {
    docManager: IDocumentManager;
    contents: Contents.IManager;
    tracker: INotebookTracker | null;
    browser: IDefaultFileBrowser | null;
    trans: TranslationBundle;
  }
}
