import { written } from '../common';

/** What a parameter takes; see the server's form. */
export interface IType {
  kind: 'bool' | 'int' | 'float' | 'str' | 'path' | 'list' | 'dict' | 'union' | 'any';
  optional?: boolean;
  choices?: readonly unknown[];
  items?: IType;
  options?: readonly IType[];
}

/** One field of the form that the parameters cell makes. */
export interface IParameter {
  name: string;
  type: IType;
  /** Neither this nor `expression`: `required`. */
  default?: unknown;
  /** The default as the server writes it, with all digits. */
  text?: string;
  /** Python that is computed when the notebook runs. */
  expression?: string;
  required?: boolean;
  help?: string;
  annotation?: string;
}

/** What the user gave a parameter instead of its default: a text, or None. */
export type Entry = { readonly text: string } | { readonly none: true };

/** Values as a submission brings them: exact ones, and texts that the server reads by the parameter's type. */
export interface IValues {
  parameters: Record<string, unknown>;
  texts: Record<string, string>;
}

/** The entry that stands for None. */
export const NONE: Entry = { none: true };

/** Which control a parameter gets. */
export type Control = 'check' | 'choice' | 'number' | 'line' | 'lines' | 'json';

/** Longest value that is edited in one line. */
const LINE = 60;

/** Return the server's form, typed. */
export function readForm(raw: readonly Record<string, unknown>[]): readonly IParameter[] {
  return raw as unknown as readonly IParameter[];
}

/** Return the entry that a parameter has while nobody gave it one; null: its value is not known before the run. */
export function defaultEntry({ default: value, text, expression, required }: IParameter): Entry | null {
  if (expression !== undefined || required) {
    return null;
  }
  return value === null || value === undefined ? NONE : { text: text ?? written(value) };
}

/** Return the entry for a value, e.g. one that another run was given. */
export function entryOf(value: unknown): Entry {
  return value === null ? NONE : { text: written(value) };
}

/** Whether two entries say the same. */
export function sameEntry(one: Entry | null, other: Entry | null): boolean {
  return textOf(one) === textOf(other) && isNone(one) === isNone(other);
}

/** Whether an entry is None. */
export function isNone(entry: Entry | null): boolean {
  return entry !== null && 'none' in entry;
}

/** Return an entry's text, `''` for None and for nothing. */
export function textOf(entry: Entry | null): string {
  return entry !== null && 'text' in entry ? entry.text : '';
}

/** Which control edits a parameter. */
export function controlOf({ type, default: value }: IParameter): Control {
  if (type.choices?.length) {
    return 'choice';
  }
  switch (type.kind) {
    case 'bool':
      // Two states are a tick; with None, an expression or nothing yet there are three.
      return typeof value === 'boolean' && !type.optional ? 'check' : 'choice';
    case 'int':
    case 'float':
      return 'number';
    case 'str':
    case 'path':
      return typeof value === 'string' && value.includes('\n') ? 'lines' : 'line';
    default:
      return written(value ?? '').length > LINE ? 'json' : 'line';
  }
}

/** Return the values that a parameter can be chosen from, None aside. */
export function choicesOf({ choices, kind }: IType): readonly unknown[] {
  return choices?.length ? choices : kind === 'bool' ? [true, false] : [];
}

/** Whether an entry says nothing: an emptied field that does not hold text keeps its default. */
export function isBlank({ type }: IParameter, entry: Entry): boolean {
  return textOf(entry).trim() === '' && !isNone(entry) && !holdsText(type);
}

/**
 * Return the values that travel: of what the notebook does not have any more, nothing does.
 *
 * @param form - null while it is not known: then all values travel, as texts that the server reads
 */
export function valuesOf(form: readonly IParameter[] | null, entries: Readonly<Record<string, Entry>>): IValues {
  const values: IValues = { parameters: {}, texts: {} };
  for (const parameter of form ?? Object.keys(entries).map(unknown)) {
    const { name, type } = parameter;
    const entry = entries[name] as Entry | undefined;
    if (!entry || isBlank(parameter, entry)) {
      continue;
    }
    const text = textOf(entry);
    const choice = choicesOf(type).find(value => written(value) === text);
    if (isNone(entry)) {
      values.parameters[name] = null;
    } else if (choice !== undefined || holdsText(type)) {
      values.parameters[name] = choice ?? text;
    } else {
      values.texts[name] = text;
    }
  }
  return values;
}

function unknown(name: string): IParameter {
  return { name, type: { kind: 'any' } };
}

function holdsText(type: IType): boolean {
  return type.kind === 'str' || type.kind === 'path';
}
