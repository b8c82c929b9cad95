import { MimeModel, type IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { memo, useMemo } from 'react';

import { Rendered } from './Rendered';

/** Longest source that is coloured. */
const LIMIT = 50_000;

/** Source code, coloured as Lab colours code in Markdown; plain where there is nobody to do it. */
export const Code = memo(function Code(props: {
  source: string;
  language: string;
  rendermime: IRenderMimeRegistry;
}): JSX.Element {
  const { source, language, rendermime } = props;
  const model = useMemo(
    () => new MimeModel({ trusted: false, data: { 'text/markdown': fenced(source, language) } }),
    [source, language]
  );
  if (!rendermime.markdownParser || source.length > LIMIT) {
    return <pre className="jp-mltrain-Code">{source}</pre>;
  }
  return <Rendered className="jp-mltrain-Code" rendermime={rendermime} model={model} />;
});

/** Return a fenced block; its fence is longer than any in the source. */
export function fenced(source: string, language: string): string {
  const longest = Math.max(0, ...(source.match(/`+/g) ?? []).map(run => run.length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}${language.replace(/[^\w+#.-]/g, '')}\n${source}\n${fence}`;
}
