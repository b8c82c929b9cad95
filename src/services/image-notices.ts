import { Clipboard, Dialog, Notification, showErrorMessage } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';

import { CommandIDs } from '../commands';
import { buildWords } from '../components/common/building';
import type { ImageBuild } from '../types';
import { isActive } from './images';
import type { INoticeOptions } from './notices';

/** How long a notice of success stays, in milliseconds: long enough to copy the reference. */
const SHORT = 15_000;

/** What keeps a notice among the others, and from standing over the page. */
const SILENT = 0;

/** Tell how builds of images go on and end, until the answer is disposed. */
export function tellOfBuilds(options: INoticeOptions): IDisposable {
  const notices = new BuildNotices(options);
  const { images } = options.manager;
  images.changed.connect(notices.changed);
  return new DisposableDelegate(() => {
    images.changed.disconnect(notices.changed);
  });
}

/** One notice for each build that this page has seen going on: its progress, then its end. */
class BuildNotices {
  constructor(private readonly _options: INoticeOptions) {}

  changed = (): void => {
    const { manager, preferences } = this._options;
    const { notices } = preferences();
    for (const build of manager.images.builds) {
      if (notices === 'all' || (notices === 'mine' && manager.images.isMine(build.id))) {
        this._tell(build);
      }
    }
  };

  private _tell(build: ImageBuild): void {
    const shown = this._shown.get(build.id);
    if (isActive(build)) {
      this._showProgress(build, shown);
    } else if (shown !== undefined) {
      this._shown.delete(build.id);
      void this._showEnd(build, shown);
    }
  }

  private _showProgress(build: ImageBuild, shown: string | undefined): void {
    const message = this._about(build);
    const autoClose: number | false = shown !== undefined && this._isHidden(shown) ? SILENT : false;
    const options = { autoClose, actions: build.cancelling ? [] : [this._cancel(build)] };
    const progress = build.fraction ?? undefined;
    if (shown === undefined) {
      this._shown.set(build.id, Notification.emit(message, 'in-progress', { ...options, progress }));
    } else {
      Notification.update({ id: shown, message, type: 'in-progress', ...options, progress });
    }
  }

  private async _showEnd(build: ImageBuild, shown: string): Promise<void> {
    const { claim, trans } = this._options;
    const isTold = await claim(`image-${build.id}`);
    Notification.dismiss(shown);
    if (!isTold) {
      return;
    }
    if (build.state === 'succeeded' && build.image) {
      const { reference, digest } = build.image;
      const copy = {
        label: reference ? trans.__('Copy Reference') : trans.__('Copy Digest'),
        callback: () => Clipboard.copyToSystem(reference || digest)
      };
      Notification.emit(buildWords(build, trans), 'success', { autoClose: SHORT, actions: [copy] });
    } else if (build.state === 'failed') {
      Notification.emit(this._about(build), 'error', {
        autoClose: false,
        actions: [this._details(build), this._open(build)]
      });
    } else {
      Notification.emit(this._about(build), 'info', { autoClose: SHORT });
    }
  }

  /** Whether the user has hidden a notice: an update would bring it back, some times in each second. */
  private _isHidden(id: string): boolean {
    const isDrawn = document.getElementById(id) !== null;
    if (isDrawn) {
      this._drawn.add(id);
    }
    return !isDrawn && this._drawn.has(id);
  }

  private _about(build: ImageBuild): string {
    const { trans } = this._options;
    // JupyterLab keeps the progress of a notice and does not draw it.
    const percent = isActive(build) && build.fraction !== null ? `${Math.floor(100 * build.fraction)} % · ` : '';
    return trans.__('Image of %1: %2', nameOf(build), percent + buildWords(build, trans));
  }

  /** A notice shows the beginning of a long text. */
  private _details(build: ImageBuild): Notification.IAction {
    const { trans } = this._options;
    const title = trans.__('Image of %1', nameOf(build));
    return {
      label: trans.__('Details'),
      callback: () => void showErrorMessage(title, buildWords(build, trans), [Dialog.okButton()])
    };
  }

  /** Where it was said what is built, and can be said anew. */
  private _open({ notebook: path }: ImageBuild): Notification.IAction {
    const { commands, trans } = this._options;
    return {
      label: trans.__('Open Image'),
      callback: () => void commands.execute(CommandIDs.openImage, { path })
    };
  }

  private _cancel({ id }: ImageBuild): Notification.IAction {
    const { manager, trans } = this._options;
    const callback = (event: MouseEvent): void => {
      event.preventDefault(); // the notice stays: it tells when the build has stopped
      manager.images.cancel(id).catch(() => undefined); // one that has ended just now tells so itself
    };
    return { label: trans.__('Cancel'), callback };
  }

  private readonly _shown = new Map<string, string>();
  private readonly _drawn = new Set<string>();
}

function nameOf({ notebook }: ImageBuild): string {
  return PathExt.basename(notebook, '.ipynb');
}
