import { useMemo, useState } from 'react';

import type { JobSummary } from '../../types';
import * as rules from './selection';

/** The selection among rows, and how it changes. */
export interface ISelectionState extends rules.ISelection {
  ids: readonly string[];
  /** The selected rows, in their order. */
  jobs: readonly JobSummary[];
  goTo: (index: number, step?: rules.IStep) => void;
  toggle: (id: string) => void;
  /** These, or else the rows that are here. */
  selectAll: (ids?: readonly string[]) => void;
  selectNone: () => void;
}

/** Return the selection among rows; it follows them when they move or vanish. */
export function useSelection(rows: readonly JobSummary[]): ISelectionState {
  const [state, setState] = useState(rules.NOTHING_SELECTED);
  const ids = useMemo(() => rows.map(row => row.id), [rows]);
  const current = useMemo(() => rules.reconciled(state, ids), [state, ids]);
  if (current !== state) {
    setState(current);
  }
  const jobs = useMemo(() => rows.filter(row => current.selected.has(row.id)), [rows, current.selected]);
  return useMemo(() => {
    const change = (next: (before: rules.ISelection) => rules.ISelection): void => setState(next);
    return {
      ...current,
      ids,
      jobs,
      goTo: (index, step) => change(before => rules.goTo(before, ids, index, step)),
      toggle: id => change(before => rules.toggle(before, ids, id)),
      selectAll: (wanted = ids) => change(before => rules.selectAll(before, wanted)),
      selectNone: () => change(rules.selectNone)
    };
  }, [current, ids, jobs]);
}
