/**
 * Which rows are selected, and which one the keyboard is on. Values are immutable; `ids` are the rows in their order.
 */
export interface ISelection {
  /** The row that the keyboard is on: the one tab stop of the list. null: there are no rows. */
  readonly active: string | null;
  /** Where `active` was when last seen: the row that takes its place is found there. */
  readonly index: number;
  /** Where a range begins. */
  readonly anchor: string | null;
  readonly selected: ReadonlySet<string>;
  /** All rows that were there have been selected, and none left out since: the user may mean those to come, too. */
  readonly isAll: boolean;
}

export const NOTHING_SELECTED: ISelection = { active: null, index: 0, anchor: null, selected: new Set(), isAll: false };

/** How a row is gone to: alone, or with all rows from the anchor to it. */
export interface IStep {
  extend?: boolean;
}

/** Go to a row. What is selected stays selected, unless the selection is extended to the row. */
export function goTo(selection: ISelection, ids: readonly string[], index: number, step: IStep = {}): ISelection {
  if (ids.length === 0) {
    return selection;
  }
  const place = Math.min(Math.max(index, 0), ids.length - 1);
  const active = ids[place];
  if (!step.extend) {
    return { ...selection, active, index: place, anchor: active };
  }
  const anchor = selection.anchor ?? selection.active ?? active;
  return { active, index: place, anchor, selected: range(ids, anchor, active), isAll: false };
}

/** Select a row if it is not, and otherwise select it no more. */
export function toggle(selection: ISelection, ids: readonly string[], id: string): ISelection {
  const selected = new Set(selection.selected);
  if (!selected.delete(id)) {
    selected.add(id);
  }
  return { active: id, index: ids.indexOf(id), anchor: id, selected, isAll: false };
}

/** Select all rows that there are. */
export function selectAll(selection: ISelection, ids: readonly string[]): ISelection {
  return { ...selection, selected: new Set(ids), isAll: ids.length > 0 };
}

/** Select no row; the keyboard stays where it is. */
export function selectNone(selection: ISelection): ISelection {
  return selection.selected.size === 0 ? selection : { ...selection, selected: new Set(), isAll: false };
}

/**
 * Return the selection for rows that have changed: what is gone is selected no more, and the row that took the place of
 * the active one is active; the first row, as long as the keyboard has not been in the list. The same object, if nothing
 * is different.
 */
export function reconciled(selection: ISelection, ids: readonly string[]): ISelection {
  const places = new Map(ids.map((id, index) => [id, index]));
  const kept = [...selection.selected].filter(id => places.has(id));
  const isTouched = selection.anchor !== null;
  const place = isTouched ? places.get(selection.active ?? '') : 0;
  const index = place ?? Math.min(selection.index, Math.max(0, ids.length - 1));
  const active = ids[index] ?? null;
  const isSame =
    kept.length === selection.selected.size && active === selection.active && (index === selection.index || !active);
  if (isSame) {
    return selection;
  }
  const anchor = isTouched && !places.has(selection.anchor ?? '') ? active : selection.anchor;
  const selected = kept.length === selection.selected.size ? selection.selected : new Set(kept);
  return { active, index, anchor, selected, isAll: selection.isAll && selected.size > 0 };
}

function range(ids: readonly string[], one: string, other: string): Set<string> {
  const [first, last] = [ids.indexOf(one), ids.indexOf(other)].sort((a, b) => a - b);
  return new Set(ids.slice(Math.max(first, 0), last + 1));
}
