import { imageRendererFactory } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';

import { textOf } from '../../services/stream';

const PASTED = 'attachment:';

/** Finds the pictures of a Markdown cell: those that were pasted into it, and files. Links stay as they are. */
export class PictureResolver implements IRenderMime.IResolver {
  /**
   * @param files - Finds files beside the notebook.
   * @param attachments - What was pasted, as nbformat has it: untrusted.
   */
  constructor(
    private readonly _files: IRenderMime.IResolver,
    private readonly _attachments: unknown
  ) {}

  isLocal(url: string): boolean {
    return url.startsWith(PASTED) || this._files.isLocal!(url);
  }

  async resolveUrl(url: string, context?: IRenderMime.IResolveUrlContext): Promise<string> {
    if (url.startsWith(PASTED)) {
      return pastedUrl(this._attachments, url.slice(PASTED.length)) ?? url;
    }
    return context?.tag === 'img' ? this._files.getDownloadUrl(await this._files.resolveUrl(url)) : url;
  }

  /** What `resolveUrl` returns is one already. */
  getDownloadUrl(url: string): Promise<string> {
    return Promise.resolve(url);
  }
}

/** Return a picture as a data URL, of the types that JupyterLab takes for pictures in outputs: no script is in them. */
function pastedUrl(attachments: unknown, name: string): string | null {
  const bundle = (attachments as Record<string, Record<string, unknown> | undefined> | undefined)?.[name];
  const type = imageRendererFactory.mimeTypes.find(mimeType => textOf(bundle?.[mimeType]));
  return type ? `data:${type};base64,${textOf(bundle![type])}` : null;
}
