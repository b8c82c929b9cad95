import type { TranslationBundle } from '@jupyterlab/translation';
import { defaultRangeExtractor, useVirtualizer, type Range, type Virtualizer } from '@tanstack/react-virtual';
import {
  forwardRef,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type FocusEvent,
  type ForwardedRef,
  type KeyboardEvent,
  type MouseEvent,
  type ReactNode,
  type RefObject
} from 'react';

import type { JobsModel } from '../../services/jobs';
import type { JobSummary } from '../../types';
import { JobRow, type IRowEvents } from './JobRow';
import { intentOf, type Intent } from './keys';
import type { ISelectionState } from './useSelection';

/** What the list is given. */
export interface IJobListProps {
  jobs: JobsModel;
  rows: readonly JobSummary[];
  selection: ISelectionState;
  events: IRowEvents;
  /** Nobody looks: the clocks stand still. */
  paused: boolean;
  trans: TranslationBundle;
  onOpen: (id: string) => void;
  /** Delete what is selected; nothing is: the row that the keyboard is on. */
  onDelete: () => void;
  /** The user begins to type. */
  onType: () => void;
  /** Said where there are no rows. */
  children: ReactNode;
}

/** What can be asked of the list. */
export interface IJobList {
  focus: () => void;
}

/** Rows from the end at which the next page is asked for. */
const AHEAD = 30;

/** Roughly how high a row is, in pixels, before it is measured. */
const HEIGHTS: Readonly<Record<string, number>> = { Running: 51, Failed: 91, Succeeded: 29, Cancelled: 29 };

/** The jobs: a grid with one tab stop, of which only the rows in sight are in the document. */
export const JobList = forwardRef(function JobList(props: IJobListProps, ref: ForwardedRef<IJobList>): JSX.Element {
  const { jobs, rows, selection, events, paused, trans, children } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const { active, index: activeIndex, selected } = selection;
  const [hovered, setHovered] = useState<number | null>(null);

  // eslint-disable-next-line react-hooks/incompatible-library -- nothing of it is memoized
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: index => HEIGHTS[rows[index].phase] ?? 47,
    getItemKey: index => rows[index]?.id ?? index,
    overscan: 10,
    // The row with the focus stays in the document wherever the list is scrolled to.
    rangeExtractor: range => withIndex(range, activeIndex)
  });
  const items = virtualizer.getVirtualItems();
  const focus = useRowFocus(scroller);
  useImperativeHandle(ref, () => ({ focus: focus.now }), [focus]);
  useScrollAnchor(scroller, virtualizer, rows);
  useFurtherPages(jobs, items[items.length - 1]?.index ?? 0);

  const go = (to: number, extend: boolean): void => {
    focus.next();
    selection.goTo(to, { extend });
    virtualizer.scrollToIndex(Math.min(Math.max(to, 0), rows.length - 1), { align: 'auto' });
  };
  const page = (direction: 1 | -1): number => {
    const { start = 0 } = virtualizer.measurementsCache[activeIndex] ?? {};
    const height = scroller.current?.clientHeight ?? 0;
    return virtualizer.getVirtualItemForOffset(start + direction * height)?.index ?? activeIndex;
  };
  const placeOf: Record<Extract<Intent, { type: 'go' }>['to'], () => number> = {
    next: () => activeIndex + 1,
    previous: () => activeIndex - 1,
    first: () => 0,
    last: () => rows.length - 1,
    'page-down': () => Math.max(activeIndex + 1, page(1)),
    'page-up': () => Math.min(activeIndex - 1, page(-1))
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const row = (event.target as HTMLElement).closest<HTMLElement>('[role="row"]');
    const intent = row && intentOf(event);
    if (!row || !intent) {
      return;
    }
    if (event.target !== row) {
      moveInRow(event, row);
      return;
    }
    const job = rows[activeIndex];
    switch (intent.type) {
      case 'go':
        go(placeOf[intent.to](), intent.extend);
        break;
      case 'toggle':
        selection.toggle(job.id);
        break;
      case 'select-all':
        selection.select();
        break;
      case 'select-none':
        selection.selectNone();
        break;
      case 'open':
        props.onOpen(job.id);
        break;
      case 'delete':
        props.onDelete();
        break;
      case 'menu': {
        const { left, bottom } = row.getBoundingClientRect();
        events.onMenu(job, left + 16, bottom);
        break;
      }
      case 'into-row':
        row.querySelector('button')?.focus();
        break;
      case 'type':
        props.onType(); // the key itself goes to what has the focus then
        return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const onClick = (event: MouseEvent<HTMLElement>): void => {
    const place = rowAt(event);
    if (place === null || (event.target as HTMLElement).closest('button')) {
      return;
    }
    if (event.ctrlKey || event.metaKey) {
      selection.toggle(rows[place].id);
      return;
    }
    selection.goTo(place, { extend: event.shiftKey });
    if (!event.shiftKey) {
      selection.selectNone();
      props.onOpen(rows[place].id);
    }
  };

  const onContextMenu = (event: MouseEvent<HTMLElement>): void => {
    const place = rowAt(event);
    if (place === null || event.shiftKey) {
      return; // with Shift comes the browser's own, as everywhere in Lab
    }
    event.preventDefault();
    event.stopPropagation();
    const job = rows[place];
    if (!selected.has(job.id)) {
      selection.goTo(place);
      selection.selectNone();
    }
    events.onMenu(job, event.clientX, event.clientY);
  };

  const onFocus = ({ target }: FocusEvent<HTMLElement>): void => {
    focus.onFocus();
    // From now on the keyboard is on this row, also when others come in above it.
    if (selection.anchor === null && target.dataset.id === active) {
      selection.goTo(activeIndex);
    }
  };

  const isEmpty = rows.length === 0;
  return (
    <div
      ref={scroller}
      className="jp-mltrain-JobList"
      role={isEmpty ? undefined : 'grid'}
      aria-label={isEmpty ? undefined : trans.__('Training jobs')}
      aria-multiselectable={isEmpty ? undefined : true}
      aria-rowcount={isEmpty ? undefined : Math.max(jobs.total, rows.length)}
      aria-busy={jobs.isLoading}
      tabIndex={-1}
      onKeyDown={onKeyDown}
      onClick={onClick}
      onContextMenu={onContextMenu}
      onMouseOver={event => setHovered(rowAt(event))}
      onMouseLeave={() => setHovered(null)}
      onFocus={onFocus}
      onBlur={focus.onBlur}
    >
      {isEmpty ? (
        children
      ) : (
        <div role="rowgroup" className="jp-mltrain-JobList-rows" style={{ height: virtualizer.getTotalSize() }}>
          {items.map(({ key, index, start }) => (
            <JobRow
              key={key}
              job={rows[index]}
              index={index}
              start={start}
              isActive={rows[index].id === active}
              isHovered={index === hovered}
              isSelected={selected.has(rows[index].id)}
              paused={paused}
              measure={virtualizer.measureElement}
              events={events}
              trans={trans}
            />
          ))}
        </div>
      )}
    </div>
  );
});

function withIndex(range: Range, index: number): number[] {
  const indexes = defaultRangeExtractor(range);
  if (index >= range.count || indexes.includes(index)) {
    return indexes;
  }
  return index < range.startIndex ? [index, ...indexes] : [...indexes, index];
}

/** The index of the row that a mouse's event is about; null: of none. */
function rowAt({ target }: MouseEvent<HTMLElement>): number | null {
  const row = (target as HTMLElement).closest<HTMLElement>('[role="row"]');
  return row ? Number(row.dataset.index) : null;
}

/** Arrows go from button to button within a row, and back to the row. */
function moveInRow(event: KeyboardEvent<HTMLElement>, row: HTMLElement): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step === undefined && event.key !== 'Escape') {
    return;
  }
  const stops = [row, ...row.querySelectorAll('button')];
  const place = stops.indexOf(event.target as HTMLElement);
  const target = step === undefined ? row : stops[Math.min(Math.max(place + step, 0), stops.length - 1)];
  target.focus();
  event.preventDefault();
  event.stopPropagation();
}

/** Ask for the next page when the rows in sight come near the end. */
function useFurtherPages(jobs: JobsModel, last: number): void {
  const { rows, hasMore, isLoading, error } = jobs;
  const isNear = last >= rows.length - AHEAD;
  useEffect(() => {
    if (isNear && hasMore && !isLoading && !error) {
      void jobs.loadMore();
    }
  }, [jobs, rows.length, isNear, hasMore, isLoading, error]);
}

/** Keeps what is read in its place while new jobs come in above it. */
function useScrollAnchor(
  scroller: RefObject<HTMLDivElement>,
  virtualizer: Virtualizer<HTMLDivElement, Element>,
  rows: readonly JobSummary[]
): void {
  const first = useRef<string | undefined>(undefined);
  useLayoutEffect(() => {
    const top = scroller.current?.scrollTop ?? 0;
    const added = rows.findIndex(row => row.id === first.current);
    if (top > 0 && added > 0) {
      virtualizer.scrollToOffset(top + virtualizer.measurementsCache[added].start);
    }
    first.current = rows[0]?.id;
  }, [scroller, virtualizer, rows]);
}

interface IRowFocus {
  /** Put the focus on the active row now, or with the next drawing. */
  now: () => void;
  next: () => void;
  onFocus: () => void;
  onBlur: () => void;
}

/** Keeps the focus with the active row: when it changes, and when the row that had the focus is gone. */
function useRowFocus(scroller: RefObject<HTMLDivElement>): IRowFocus {
  const isWanted = useRef(false);
  const isInside = useRef(false);
  const focus = useMemo<IRowFocus>(
    () => ({
      now: () => activeRow(scroller.current)?.focus({ preventScroll: true }),
      next: () => void (isWanted.current = true),
      onFocus: () => void (isInside.current = true),
      // React tells of no blur while it takes rows away: then the focus is still ours.
      onBlur: () => void (isInside.current = false)
    }),
    [scroller]
  );
  useLayoutEffect(() => {
    const isLost = isInside.current && document.activeElement === document.body;
    if (isWanted.current || isLost) {
      isWanted.current = false;
      (activeRow(scroller.current) ?? scroller.current)?.focus({ preventScroll: true });
    }
  });
  return focus;
}

function activeRow(list: HTMLElement | null): HTMLElement | null {
  return list?.querySelector<HTMLElement>('[role="row"][tabindex="0"]') ?? null;
}
