import { defaultEntry, sameEntry, type Entry, type IParameter } from './parameters';
import { asFramework, defaultCount, ROLES, type Framework } from './roles';

/** A table of the form, whose rows the user adds. */
export type Table = 'channels' | 'include' | 'volumes' | 'env' | 'secrets';

/** A row by column. */
export type Row = Readonly<Record<string, string>>;

/**
 * What the user has said, and nothing else: what is not in here is left to the notebook and to the server.
 *
 * `fields` are texts by the path of the spec's field, e.g. `roles.Worker.resources.cpu`. `extra` is what another job's
 * spec says that the form has no field for.
 */
export interface IDraft {
  readonly backend: string;
  readonly parameters: Readonly<Record<string, Entry>>;
  /** By name the specifier, null: left out. */
  readonly requirements: Readonly<Record<string, string | null>>;
  readonly fields: Readonly<Record<string, string>>;
  readonly tables: Readonly<Record<Table, readonly Row[]>>;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** A form that nobody has touched. */
export const EMPTY: IDraft = {
  backend: '',
  parameters: {},
  requirements: {},
  fields: {},
  tables: { channels: [], include: [], volumes: [], env: [], secrets: [] },
  extra: {}
};

/** What changes a draft. */
export type Change = (draft: IDraft) => IDraft;

/** Say a field's text; null leaves it to its default. */
export function setField(path: string, text: string | null): Change {
  return draft => ({ ...draft, fields: changed(draft.fields, path, text) });
}

/** Say where the job runs. */
export function setBackend(backend: string): Change {
  return draft => ({ ...draft, backend });
}

/** Give a parameter a value; its own default, or null, takes the value away. */
export function setParameter(parameter: IParameter, entry: Entry | null): Change {
  const kept = entry && sameEntry(entry, defaultEntry(parameter)) ? null : entry;
  return draft => ({ ...draft, parameters: changed(draft.parameters, parameter.name, kept) });
}

/** Say a requirement's specifier; null leaves it out, undefined takes back what was said. */
export function setRequirement(name: string, specifier: string | null | undefined): Change {
  return draft => {
    const { [name]: _, ...rest } = draft.requirements;
    return { ...draft, requirements: specifier === undefined ? rest : { ...rest, [name]: specifier } };
  };
}

/** Add a row to a table. */
export function addRow(table: Table, row: Row): Change {
  return inTable(table, rows => [...rows, row]);
}

/** Change some columns of a row. */
export function setRow(table: Table, index: number, columns: Row): Change {
  return inTable(table, rows => rows.map((row, at) => (at === index ? { ...row, ...columns } : row)));
}

/** Take a row away. */
export function removeRow(table: Table, index: number): Change {
  return inTable(table, rows => rows.filter((_, at) => at !== index));
}

/** Take away something that another job's spec has brought. */
export function removeExtra(name: string): Change {
  return draft => ({ ...draft, extra: changed(draft.extra, name, null) });
}

/** Whether the user has said anything. */
export function isTouched(draft: IDraft): boolean {
  return JSON.stringify(draft) !== JSON.stringify(EMPTY);
}

/** Return the framework that the job will have; `detected`: what the imports tell, null: not known yet. */
export function frameworkOf({ fields }: IDraft, detected: Framework | null): Framework | null {
  return asFramework(fields.framework) ?? detected;
}

/** Return a role's count as it is edited. */
export function countText({ fields }: IDraft, framework: Framework, role: string): string {
  return fields[`roles.${role}.replicas`] ?? String(defaultCount(framework, role));
}

/** Return the number of replicas of each role that the job will have, as far as the texts are numbers. */
export function countsOf(draft: IDraft, framework: Framework): ReadonlyMap<string, number> {
  const counts = ROLES[framework].map((role): [string, number] => {
    const text = countText(draft, framework, role).trim();
    return [role, text === '' ? defaultCount(framework, role) : Number(text)];
  });
  return new Map(counts.filter(([, count]) => count > 0));
}

function inTable(table: Table, change: (rows: readonly Row[]) => readonly Row[]): Change {
  return draft => ({ ...draft, tables: { ...draft.tables, [table]: change(draft.tables[table]) } });
}

function changed<Value>(
  record: Readonly<Record<string, Value>>,
  key: string,
  value: Value | null
): Readonly<Record<string, Value>> {
  const { [key]: _, ...rest } = record;
  return value === null ? rest : { ...rest, [key]: value };
}
