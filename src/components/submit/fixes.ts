import type { Finding } from '../../types';
import { written } from '../common';
import { setRow, type Change, type IDraft } from './draft';
import { entryOf, type Entry } from './parameters';
import { rowsOf } from './submission';

/** Whether a finding says which values would mend it. */
export function canApply(finding: Finding): boolean {
  return Object.keys(finding.fix).length > 0;
}

/** Give the fields that a finding names the values that mend it. */
export function applyFix(finding: Finding): Change {
  return draft => Object.entries(finding.fix).reduce((now, [path, value]) => applied(now, path, value), draft);
}

function applied(draft: IDraft, path: string, value: unknown): IDraft {
  const [top, second, third] = path.split('.');
  if (top === 'parameters') {
    return { ...draft, parameters: withEntry(draft.parameters, second, entryOf(value)) };
  }
  if (top === 'volumes') {
    const row = rowsOf(draft, 'volumes')[Number(second)];
    return row ? setRow('volumes', row[0], { [third]: written(value) })(draft) : draft;
  }
  const cleared = cut(draft, path);
  return value === null ? cleared : { ...cleared, fields: { ...cleared.fields, [path]: written(value) } };
}

/** Take away all that was said at a path and below it. */
function cut(draft: IDraft, path: string): IDraft {
  const below = (name: string): boolean => name === path || name.startsWith(`${path}.`);
  const without = <Value>(record: Readonly<Record<string, Value>>): Record<string, Value> =>
    Object.fromEntries(Object.entries(record).filter(([name]) => !below(name)));
  const extra = without(draft.extra);
  const [top, second] = path.split('.');
  if (second && extra[top]) {
    const { [second]: _, ...rest } = extra[top] as Record<string, unknown>;
    extra[top] = rest;
  }
  return { ...draft, fields: without(draft.fields), extra };
}

function withEntry(
  entries: Readonly<Record<string, Entry>>,
  name: string,
  entry: Entry
): Readonly<Record<string, Entry>> {
  return { ...entries, [name]: entry };
}
