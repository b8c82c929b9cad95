import type { TranslationBundle } from '@jupyterlab/translation';
import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual';
import {
  forwardRef,
  useImperativeHandle,
  useRef,
  useState,
  type FocusEvent,
  type ForwardedRef,
  type KeyboardEvent,
  type MouseEvent,
  type ReactNode
} from 'react';

import type { JobsModel } from '../../services/jobs';
import type { JobSummary } from '../../types';
import { JobRow, type IRowEvents } from './JobRow';
import { intentOf, type Intent, type Move } from './keys';
import { moveInRow, useRowFocus } from './rowFocus';
import { useFurtherPages, useScrollAnchor, withIndex } from './scrolling';
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

/** Roughly how high a row is, in pixels, before it is measured. */
const HEIGHTS: Readonly<Record<string, number>> = { Running: 51, Failed: 91, Succeeded: 29, Cancelled: 29 };
const HEIGHT = 47;

/** The jobs: a grid with one tab stop, of which only the rows in sight are in the document. */
export const JobList = forwardRef(function JobList(props: IJobListProps, ref: ForwardedRef<IJobList>): JSX.Element {
  const { jobs, rows, selection, events, paused, trans, children } = props;
  const { active, index: activeIndex, selected } = selection;
  const scroller = useRef<HTMLDivElement>(null);
  const [hovered, setHovered] = useState<number | null>(null);

  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: index => HEIGHTS[rows[index].phase] ?? HEIGHT,
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

  const go = (move: Move, extend: boolean): void => {
    const place = placeOf(move, activeIndex, virtualizer);
    focus.next();
    selection.goTo(place, { extend });
    virtualizer.scrollToIndex(Math.min(Math.max(place, 0), rows.length - 1), { align: 'auto' });
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
      onKeyDown={event => onKeyDown(event, props, go)}
      onClick={event => onClick(event, props)}
      onContextMenu={event => onContextMenu(event, props)}
      onMouseOver={event => setHovered(rowAt(event))}
      onMouseLeave={() => setHovered(null)}
      onFocus={event => {
        focus.onFocus();
        onFocus(event, props);
      }}
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

/** Return the index that a move leads to; it may be beyond the ends. */
function placeOf(move: Move, from: number, virtualizer: Virtualizer<HTMLDivElement, Element>): number {
  const { count } = virtualizer.options;
  const page = (direction: 1 | -1): number => {
    const { start = 0 } = virtualizer.measurementsCache[from] ?? {};
    const height = virtualizer.scrollElement?.clientHeight ?? 0;
    return virtualizer.getVirtualItemForOffset(start + direction * height)?.index ?? from;
  };
  switch (move) {
    case 'next':
      return from + 1;
    case 'previous':
      return from - 1;
    case 'first':
      return 0;
    case 'last':
      return count - 1;
    case 'page-down':
      return Math.max(from + 1, page(1));
    case 'page-up':
      return Math.min(from - 1, page(-1));
  }
}

function onKeyDown(
  event: KeyboardEvent<HTMLElement>,
  props: IJobListProps,
  go: (move: Move, extend: boolean) => void
): void {
  const row = (event.target as HTMLElement).closest<HTMLElement>('[role="row"]');
  if (row && event.target !== row) {
    moveInRow(event, row);
    return;
  }
  const intent = row && intentOf(event);
  if (!intent) {
    return;
  }
  if (intent.type === 'type') {
    props.onType(); // the key itself goes to what has the focus then
    return;
  }
  if (intent.type === 'go') {
    go(intent.to, intent.extend);
  } else {
    perform(intent.type, row, props);
  }
  event.preventDefault();
  event.stopPropagation();
}

/** Do to the active row, or to what is selected, what a key asks for. */
function perform(type: Exclude<Intent['type'], 'go' | 'type'>, row: HTMLElement, props: IJobListProps): void {
  const { rows, selection, events } = props;
  const job = rows[selection.index];
  const { left, bottom } = row.getBoundingClientRect();
  const doing: Record<typeof type, () => void> = {
    toggle: () => selection.toggle(job.id),
    'select-all': () => selection.selectAll(),
    'select-none': () => selection.selectNone(),
    open: () => props.onOpen(job.id),
    delete: () => props.onDelete(),
    menu: () => events.onMenu(job, left + 16, bottom),
    'into-row': () => row.querySelector('button')?.focus()
  };
  doing[type]();
}

function onClick(event: MouseEvent<HTMLElement>, { rows, selection, onOpen }: IJobListProps): void {
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
    onOpen(rows[place].id);
  }
}

function onContextMenu(event: MouseEvent<HTMLElement>, { rows, selection, events }: IJobListProps): void {
  const place = rowAt(event);
  if (place === null || event.shiftKey) {
    return; // with Shift comes the browser's own, as everywhere in Lab
  }
  event.preventDefault();
  event.stopPropagation();
  if (!selection.selected.has(rows[place].id)) {
    selection.goTo(place);
    selection.selectNone();
  }
  events.onMenu(rows[place], event.clientX, event.clientY);
}

/** From the first focus on the keyboard is on its row, also when others come in above it. */
function onFocus({ target }: FocusEvent<HTMLElement>, { selection }: IJobListProps): void {
  if (selection.anchor === null && target.dataset.id === selection.active) {
    selection.goTo(selection.index);
  }
}

/** The index of the row that a mouse's event is about; null: of none. */
function rowAt({ target }: MouseEvent<HTMLElement>): number | null {
  const row = (target as HTMLElement).closest<HTMLElement>('[role="row"]');
  return row ? Number(row.dataset.index) : null;
}
