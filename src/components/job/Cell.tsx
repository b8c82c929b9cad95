import type { IOutput } from '@jupyterlab/nbformat';
import { MimeModel, OutputModel, type IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import { memo, useMemo, useRef, type RefObject } from 'react';

import { textOf } from '../../services/stream';
import type { CellState } from '../../types';
import { seconds, StateIcon } from '../common';
import { useNow } from '../hooks';
import { Code } from './Code';
import { bounded } from './outputs';
import { PictureResolver } from './pictures';
import { Rendered } from './Rendered';
import { useNear } from './useNear';

interface ICellProps {
  /** A new object for each change. */
  state: CellState;
  language: string;
  rendermime: IRenderMimeRegistry;
  /** Finds files beside the notebook. */
  files: IRenderMime.IResolver;
  trans: TranslationBundle;
  /** The box that the cells scroll in. */
  box: RefObject<Element>;
}

/**
 * One cell. Rendered again only when it is another object, and not before it comes near what is seen: until then it is
 * its plain source.
 */
export const Cell = memo(function Cell(props: ICellProps): JSX.Element {
  const { state, box } = props;
  const host = useRef<HTMLDivElement>(null);
  const isNear = useNear(host, box);
  const kind = state.cell.cell_type;
  const isCode = kind === 'code';
  return (
    <div
      ref={host}
      className="jp-mltrain-Cell"
      data-type={kind}
      data-status={isCode ? state.status : undefined}
      aria-current={isCode && state.status === 'running' ? 'step' : undefined}
    >
      {isCode && <Prompt {...props} />}
      <div className="jp-mltrain-Cell-body">{isNear ? <Body {...props} /> : <Plain state={state} />}</div>
    </div>
  );
});

function Plain({ state }: { state: CellState }): JSX.Element {
  return <pre className="jp-mltrain-Code">{textOf(state.cell.source)}</pre>;
}

function Body(props: ICellProps): JSX.Element {
  const { state, language, rendermime } = props;
  const source = textOf(state.cell.source);
  switch (state.cell.cell_type) {
    case 'markdown':
      return <Markdown {...props} />;
    case 'code':
      return (
        <>
          <Code source={source} language={language} rendermime={rendermime} />
          <Outputs {...props} />
        </>
      );
    default:
      return <Plain state={state} />;
  }
}

function Markdown({ state, rendermime, files }: ICellProps): JSX.Element {
  const source = textOf(state.cell.source);
  const { attachments } = state.cell;
  const model = useMemo(() => new MimeModel({ trusted: false, data: { 'text/markdown': source } }), [source]);
  const withPictures = useMemo(
    () => rendermime.clone({ resolver: new PictureResolver(files, attachments), linkHandler: NO_LINKS }),
    [rendermime, files, attachments]
  );
  return <Rendered rendermime={withPictures} model={model} />;
}

/** Links lead where they say: JupyterLab's handler would make commands of them, which do not run here. */
const NO_LINKS: IRenderMime.ILinkHandler = { handleLink: () => undefined };

/** Number, state and time of a code cell. */
function Prompt({ state, trans }: ICellProps): JSX.Element {
  const { cell, status } = state;
  const count = typeof cell.execution_count === 'number' ? cell.execution_count : ' ';
  return (
    <div className="jp-mltrain-Cell-prompt">
      <span className="jp-mltrain-Cell-count">{`[${status === 'running' ? '*' : count}]:`}</span>
      {status !== 'pending' && <StateIcon phase={PHASES[status]} trans={trans} bare={status === 'completed'} />}
      <CellTime state={state} />
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

function Outputs({ state, rendermime, trans }: ICellProps): JSX.Element[] {
  const outputs = (state.cell.outputs ?? []) as IOutput[];
  return outputs.map((output, index) => <Output key={index} output={output} rendermime={rendermime} trans={trans} />);
}

/** One output, untrusted. */
const Output = memo(function Output(props: {
  output: IOutput;
  rendermime: IRenderMimeRegistry;
  trans: TranslationBundle;
}): JSX.Element {
  const { output, rendermime, trans } = props;
  const { value, left } = useMemo(() => bounded(output), [output]);
  const model = useMemo(() => new OutputModel({ value, trusted: false }), [value]);
  return (
    <>
      {left > 0 && (
        <p className="jp-mltrain-Quiet">
          {trans.__('%1 characters before these are not shown.', left.toLocaleString())}
        </p>
      )}
      <Rendered className="jp-mltrain-Output" rendermime={rendermime} model={model} />
    </>
  );
});
