import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useState } from 'react';

/** How long it says that it was done, in milliseconds. */
const SAID = 2000;

/** A button that copies a text, and says so. */
export function CopyButton(props: { text: string; what: string; trans: TranslationBundle }): JSX.Element {
  const { text, what, trans } = props;
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    const timer = isCopied ? window.setTimeout(() => setCopied(false), SAID) : undefined;
    return () => window.clearTimeout(timer);
  }, [isCopied]);
  const copy = (): void => {
    Clipboard.copyToSystem(text);
    setCopied(true);
  };
  return (
    <button type="button" className="jp-mltrain-Button" aria-label={trans.__('Copy %1', what)} onClick={copy}>
      <span aria-live="polite">{isCopied ? trans.__('Copied') : trans.__('Copy')}</span>
    </button>
  );
}
