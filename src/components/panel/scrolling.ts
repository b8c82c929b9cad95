import { defaultRangeExtractor, type Range, type Virtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, type RefObject } from 'react';

import type { JobsModel } from '../../services/jobs';
import type { JobSummary } from '../../types';

/** Rows from the end at which the next page is asked for. */
const AHEAD = 30;

/** Return the rows that are in the document: those in sight, and one more wherever it is. */
export function withIndex(range: Range, index: number): number[] {
  const indexes = defaultRangeExtractor(range);
  if (index >= range.count || indexes.includes(index)) {
    return indexes;
  }
  return index < range.startIndex ? [index, ...indexes] : [...indexes, index];
}

/** Ask for the next page when the rows in sight come near the end. */
export function useFurtherPages(jobs: JobsModel, last: number): void {
  const { rows, hasMore, isLoading, error } = jobs;
  const isNear = last >= rows.length - AHEAD;
  useEffect(() => {
    if (isNear && hasMore && !isLoading && !error) {
      void jobs.loadMore();
    }
  }, [jobs, rows.length, isNear, hasMore, isLoading, error]);
}

/** Keeps what is read in its place while new jobs come in above it. */
export function useScrollAnchor(
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
