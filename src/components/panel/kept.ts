import { useEffect, useState } from 'react';

/** Read a value that was kept for this page; what is not there, or is of another shape, comes from `initial`. */
function recall<Value extends object>(key: string, initial: Value): Value {
  try {
    const kept = JSON.parse(window.sessionStorage.getItem(key) ?? '{}') as Record<string, unknown>;
    const known = Object.entries(initial as Record<string, unknown>).map(([name, value]) => [
      name,
      typeof kept[name] === typeof value ? kept[name] : value
    ]);
    return Object.fromEntries(known) as Value;
  } catch {
    return initial;
  }
}

/** A state of flat values that survives a reload of the page; each tab of the browser has its own. */
export function useKept<Value extends object>(
  key: string,
  initial: Value
): [value: Value, change: (changes: Partial<Value>) => void] {
  const [value, setValue] = useState(() => recall(key, initial));
  useEffect(() => {
    try {
      window.sessionStorage.setItem(key, JSON.stringify(value));
    } catch {
      // Storage is full or forbidden: then a reload forgets.
    }
  }, [key, value]);
  const [change] = useState(
    () =>
      (changes: Partial<Value>): void =>
        setValue(before => ({ ...before, ...changes }))
  );
  return [value, change];
}
