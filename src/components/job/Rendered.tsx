import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';
import { useLayoutEffect, useRef } from 'react';

/**
 * Something that Lab's rendermime renders. The model must not be trusted: then only safe types are taken, HTML is
 * sanitised, and no script, handler or widget runs.
 */
export function Rendered(props: {
  rendermime: IRenderMimeRegistry;
  /** A new object for each change. */
  model: IRenderMime.IMimeModel;
  className?: string;
}): JSX.Element {
  const { rendermime, model, className = '' } = props;
  const host = useRef<HTMLDivElement>(null);
  const renderer = useRef<IRenderMime.IRenderer | null>(null);
  const mimeType = rendermime.preferredMimeType(model.data, 'ensure') ?? '';

  // The renderer stays for as long as the type does: a text that grows is not drawn anew.
  useLayoutEffect(() => {
    if (!mimeType) {
      return;
    }
    const made = (renderer.current = rendermime.createRenderer(mimeType));
    Widget.attach(made, host.current!);
    return () => {
      renderer.current = null;
      made.dispose();
    };
  }, [rendermime, mimeType]);

  useLayoutEffect(() => {
    const target = renderer.current;
    target?.renderModel(model).catch((error: unknown) => {
      target.node.textContent = String(error);
    });
  }, [rendermime, mimeType, model]);

  useLayoutEffect(() => keepReachable(host.current!), []);

  return <div ref={host} className={`jp-mltrain-Rendered ${className}`} data-mime-type={mimeType} />;
}

/** Let the keyboard reach a box for as long as it has to be scrolled. */
function keepReachable(box: HTMLElement): () => void {
  const look = (): void => {
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute('tabindex');
    }
  };
  // A longer line makes the box no larger, only what is in it; so does an image when it has come.
  const sizes = new ResizeObserver(look);
  sizes.observe(box);
  const contents = new MutationObserver(look);
  contents.observe(box, { childList: true, subtree: true, characterData: true });
  box.addEventListener('load', look, true);
  return () => {
    sizes.disconnect();
    contents.disconnect();
    box.removeEventListener('load', look, true);
  };
}
