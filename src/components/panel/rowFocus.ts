import { useLayoutEffect, useMemo, useRef, type KeyboardEvent, type RefObject } from 'react';

/** Where the focus of the list is. */
export interface IRowFocus {
  /** Put the focus on the active row now, or with the next drawing. */
  now: () => void;
  next: () => void;
  onFocus: () => void;
  onBlur: () => void;
}

/** Keeps the focus with the active row: when it changes, and when the row that had the focus is gone. */
export function useRowFocus(scroller: RefObject<HTMLDivElement>): IRowFocus {
  const isWanted = useRef(false);
  const isInside = useRef(false);
  const focus = useMemo<IRowFocus>(
    () => ({
      now: () => focusOn(activeRow(scroller.current), scroller.current),
      next: () => void (isWanted.current = true),
      onFocus: () => void (isInside.current = true),
      // React tells of no blur while it takes rows away: then the focus is still ours.
      onBlur: () => void (isInside.current = false)
    }),
    [scroller]
  );
  useLayoutEffect(() => {
    // While there were no rows the list itself had the focus, which takes no keys.
    const isLost =
      isInside.current && [document.body, scroller.current].includes(document.activeElement as HTMLElement);
    if (isWanted.current || isLost) {
      isWanted.current = false;
      focusOn(activeRow(scroller.current) ?? scroller.current, scroller.current);
    }
  });
  return focus;
}

/** The list scrolls to its row by itself; the panel, where it is low, is to scroll to the list. */
function focusOn(target: HTMLElement | null, list: HTMLElement | null): void {
  target?.focus({ preventScroll: true });
  list?.scrollIntoView({ block: 'nearest' });
}

function activeRow(list: HTMLElement | null): HTMLElement | null {
  return list?.querySelector<HTMLElement>('[role="row"][tabindex="0"]') ?? null;
}

/** Arrows go from button to button within a row, and back to the row. */
export function moveInRow(event: KeyboardEvent<HTMLElement>, row: HTMLElement): void {
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
