import { RenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useMemo, useRef, useState, type FormEvent, type MouseEvent, type RefObject } from 'react';

import type { NotebookModel } from '../../services/notebook';
import type { CellState } from '../../types';
import { Empty, ErrorBanner } from '../common';
import { useModel, useOwnModel } from '../hooks';
import { Cell } from './Cell';
import type { ITabProps } from './JobView';

/** The executed notebook as it grows. */
export function LiveNotebook(props: ITabProps): JSX.Element | null {
  const { job, services } = props;
  const { manager } = services;
  const model = useOwnModel(() => manager.notebook(job.summary.id), [manager, job.summary.id]);
  return model && <Cells {...props} model={model} />;
}

function Cells({ model, job, services, trans }: ITabProps & { model: NotebookModel }): JSX.Element {
  const { cells, progress, failure, error, isReady, metadata } = useModel(model);
  const box = useRef<HTMLDivElement>(null);
  const { contents, rendermime } = services;
  const { notebook } = job.summary;
  const files = useMemo(() => new RenderMimeRegistry.UrlResolver({ path: notebook, contents }), [notebook, contents]);
  const running = cells.findIndex(cell => cell.status === 'running');
  const [follows, setFollows] = useState(true);
  useFollowed(box, follows ? running : -1);

  if (!isReady) {
    return error ? <ErrorBanner error={error} trans={trans} /> : <Empty title={trans.__('Loading…')} />;
  }
  if (cells.length === 0) {
    return <Empty title={job.summary.finished ? trans.__('Nothing has run.') : trans.__('Nothing has run yet.')} />;
  }
  const language = languageOf(metadata);
  const release = (): void => setFollows(false);
  return (
    <div className="jp-mltrain-Notebook">
      <ErrorBanner error={error} trans={trans} />
      <div className="jp-mltrain-Bar">
        {progress && <span>{trans.__('%1 of %2 cells', progress.done, progress.total)}</span>}
        {running >= 0 && <FollowButton follows={follows} trans={trans} onClick={() => setFollows(!follows)} />}
      </div>
      {failure && <p className="jp-mltrain-Notebook-failure">{failure}</p>}
      <div
        ref={box}
        className="jp-mltrain-Notebook-cells"
        role="region"
        aria-label={trans.__('Cells')}
        tabIndex={0}
        onWheel={release}
        onTouchMove={release}
        onPointerDown={release}
        onKeyDown={event => SCROLLING.has(event.key) && release()}
        onClickCapture={stopCommands}
        onSubmitCapture={stopForms}
      >
        {cells.map(
          (cell, index) =>
            isNotice(cell) || (
              <Cell
                key={index}
                state={cell}
                language={language}
                rendermime={rendermime}
                files={files}
                trans={trans}
                box={box}
              />
            )
        )}
      </div>
    </div>
  );
}

function FollowButton(props: { follows: boolean; trans: TranslationBundle; onClick: () => void }): JSX.Element {
  const { follows, trans, onClick } = props;
  return (
    <button type="button" className="jp-mltrain-Button" aria-pressed={follows} onClick={onClick}>
      {trans.__('Follow Running Cell')}
    </button>
  );
}

const SCROLLING = new Set(['ArrowUp', 'ArrowDown', 'PageUp', 'PageDown', 'Home', 'End', ' ']);

/** Keep a cell in sight, its end if it is higher than what is seen, also while it grows; -1: none. */
function useFollowed(box: RefObject<HTMLElement>, index: number): void {
  useEffect(() => {
    const cell = index >= 0 ? box.current?.querySelector('[aria-current]') : null;
    if (!cell) {
      return;
    }
    const show = (): void => {
      const isHigh = cell.clientHeight > box.current!.clientHeight;
      cell.scrollIntoView({ block: isHigh ? 'end' : 'nearest' });
    };
    const observer = new ResizeObserver(show);
    observer.observe(cell);
    return () => observer.disconnect();
  }, [box, index]);
}

/** The sanitiser lets buttons through that would run one of JupyterLab's commands, with arguments of their own. */
function stopCommands(event: MouseEvent): void {
  if ((event.target as Element).closest('[data-commandlinker-command]')) {
    event.preventDefault();
    event.stopPropagation();
  }
}

/** A form in an output leads nowhere: without an address of its own it would load the page anew. */
function stopForms(event: FormEvent): void {
  event.preventDefault();
}

/** Papermill puts red headings beside a cell that failed; here the cell itself says so. */
function isNotice({ cell }: CellState): boolean {
  const { tags } = (cell.metadata ?? {}) as { tags?: unknown };
  return Array.isArray(tags) && tags.includes('papermill-error-cell-tag');
}

function languageOf(metadata: Readonly<Record<string, unknown>>): string {
  const { name } = (metadata.language_info ?? {}) as { name?: unknown };
  return typeof name === 'string' ? name : 'python';
}
