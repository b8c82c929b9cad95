import { useEffect, useRef, useState } from 'react';

import type { NotebookModel } from '../../services/notebook';
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

function Cells({ model, services, trans }: ITabProps & { model: NotebookModel }): JSX.Element {
  const { cells, progress, failure, error, isReady, metadata } = useModel(model);
  const list = useRef<HTMLDivElement>(null);
  const running = cells.findIndex(cell => cell.status === 'running');
  const [follows, setFollows] = useState(true);
  useEffect(() => {
    if (follows && running >= 0) {
      list.current?.children[running]?.scrollIntoView?.({ block: 'nearest' });
    }
  }, [follows, running]);

  if (!isReady) {
    return error ? <ErrorBanner error={error} trans={trans} /> : <Empty title={trans.__('Loading…')} />;
  }
  if (cells.length === 0) {
    return <Empty title={trans.__('Nothing has run yet.')} />;
  }
  const release = (): void => setFollows(false);
  return (
    <div className="jp-mltrain-Notebook">
      <ErrorBanner error={error} trans={trans} />
      <div className="jp-mltrain-Bar">
        {progress && <span role="status">{trans.__('%1 of %2 cells', progress.done, progress.total)}</span>}
        {running >= 0 && (
          <button
            type="button"
            className="jp-mltrain-Button"
            aria-pressed={follows}
            onClick={() => setFollows(!follows)}
          >
            {trans.__('Follow Running Cell')}
          </button>
        )}
      </div>
      {failure && <p className="jp-mltrain-Notebook-failure">{failure}</p>}
      <div
        ref={list}
        className="jp-mltrain-Notebook-cells"
        role="region"
        aria-label={trans.__('Cells')}
        tabIndex={0}
        onWheel={release}
        onTouchMove={release}
        onPointerDown={release}
        onKeyDown={event => SCROLLING.has(event.key) && release()}
      >
        {cells.map((cell, index) => (
          <Cell
            key={index}
            state={cell}
            language={languageOf(metadata)}
            rendermime={services.rendermime}
            trans={trans}
          />
        ))}
      </div>
    </div>
  );
}

const SCROLLING = new Set(['ArrowUp', 'ArrowDown', 'PageUp', 'PageDown', 'Home', 'End', ' ']);

function languageOf(metadata: Readonly<Record<string, unknown>>): string {
  const { name } = (metadata.language_info ?? {}) as { name?: unknown };
  return typeof name === 'string' ? name : 'python';
}
