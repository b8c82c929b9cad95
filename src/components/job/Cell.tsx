import type { IOutput } from '@jupyterlab/nbformat';
import { MimeModel, OutputModel, type IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { memo, useMemo } from 'react';

import type { CellState } from '../../types';
import { StateIcon } from '../common';
import { useNow } from '../hooks';
import { Code } from './Code';
import { seconds } from './format';
import { Rendered } from './Rendered';

interface ICellProps {
  /** A new object for each change. */
  state: CellState;
  language: string;
  rendermime: IRenderMimeRegistry;
  trans: TranslationBundle;
}

/** One cell. Rendered again only when it is another object. */
export const Cell = memo(function Cell(props: ICellProps): JSX.Element {
  const { cell } = props.state;
  const source = textOf(cell.source);
  if (cell.cell_type === 'markdown') {
    return <Markdown source={source} rendermime={props.rendermime} />;
  }
  return cell.cell_type === 'code' ? (
    <CodeCell {...props} source={source} />
  ) : (
    <pre className="jp-mltrain-Cell jp-mltrain-Code">{source}</pre>
  );
});

function Markdown({ source, rendermime }: { source: string; rendermime: IRenderMimeRegistry }): JSX.Element {
  const model = useMemo(() => new MimeModel({ trusted: false, data: { 'text/markdown': source } }), [source]);
  return <Rendered className="jp-mltrain-Cell" rendermime={rendermime} model={model} />;
}

function CodeCell({ state, source, language, rendermime, trans }: ICellProps & { source: string }): JSX.Element {
  const { cell, status } = state;
  const outputs = (cell.outputs ?? []) as IOutput[];
  const count = typeof cell.execution_count === 'number' ? cell.execution_count : ' ';
  return (
    <div className="jp-mltrain-Cell" data-status={status} aria-current={status === 'running' ? 'step' : undefined}>
      <div className="jp-mltrain-Cell-head">
        <span className="jp-mltrain-Cell-count">{`[${status === 'running' ? '*' : count}]:`}</span>
        {status !== 'pending' && <StateIcon phase={PHASES[status]} trans={trans} />}
        <CellTime state={state} />
      </div>
      <Code source={source} language={language} rendermime={rendermime} />
      {outputs.map((output, index) => (
        <Output key={index} output={output} rendermime={rendermime} />
      ))}
    </div>
  );
}

const PHASES = { running: 'Running', completed: 'Succeeded', failed: 'Failed' } as const;

/** How long the cell took, or takes so far. */
function CellTime({ state }: { state: CellState }): JSX.Element | null {
  const { status, startedAt, seconds: took } = state;
  const now = useNow(status === 'running' && startedAt !== null);
  const value = took ?? (status === 'running' && startedAt !== null ? Math.max(0, now / 1000 - startedAt) : null);
  return value === null ? null : <span className="jp-mltrain-Cell-time">{seconds(value)}</span>;
}

/** One output, untrusted. */
const Output = memo(function Output(props: { output: IOutput; rendermime: IRenderMimeRegistry }): JSX.Element {
  const { output, rendermime } = props;
  const model = useMemo(() => new OutputModel({ value: output, trusted: false }), [output]);
  return <Rendered className="jp-mltrain-Output" rendermime={rendermime} model={model} />;
});

/** nbformat allows a text as one string or as a list of lines. */
function textOf(text: unknown): string {
  return Array.isArray(text) ? text.join('') : typeof text === 'string' ? text : '';
}
