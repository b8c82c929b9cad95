import { addIcon, closeIcon } from '@jupyterlab/ui-components';
import { useRef } from 'react';

import { addRow, removeRow, setRow, type Row, type Table } from './draft';
import { Field, useForm } from './fields';

/** A column of a table: a text, or one of some words. */
export interface IColumn {
  name: string;
  title: string;
  placeholder?: string;
  options?: readonly (readonly [value: string, label: string])[];
  /** Whether a row has it. */
  isShown?: (row: Row) => boolean;
}

/** Rows that the user adds, changes and takes away. */
export function RowsTable(props: {
  table: Table;
  title: string;
  help: string;
  columns: readonly IColumn[];
  /** What the button says that adds a row. */
  add: string;
}): JSX.Element {
  const { table, title, help, columns, add } = props;
  const { draft, edit, trans } = useForm();
  const list = useRef<HTMLUListElement>(null);
  const rows = draft.tables[table];
  const fresh: Row = Object.fromEntries(columns.map(({ name, options }) => [name, options?.[0][0] ?? '']));
  const append = (): void => {
    edit(addRow(table, fresh));
    // The new row is there when React has drawn it.
    window.setTimeout(() => list.current?.lastElementChild?.querySelector<HTMLElement>('input, select')?.focus());
  };
  const remove = (index: number): void => {
    edit(removeRow(table, index));
    list.current?.parentElement?.querySelector<HTMLElement>('.jp-mltrain-Rows-add')?.focus();
  };
  return (
    <fieldset className="jp-mltrain-RowsTable">
      <legend>{title}</legend>
      <p className="jp-mltrain-Field-help">{help}</p>
      <ul ref={list} className="jp-mltrain-Rows">
        {rows.map((row, index) => (
          <li key={index}>
            {columns
              .filter(({ isShown }) => isShown?.(row) ?? true)
              .map(column => (
                <Cell key={column.name} table={table} index={index} row={row} column={column} title={title} />
              ))}
            <button
              type="button"
              className="jp-mltrain-IconButton"
              title={trans.__('Remove')}
              aria-label={trans.__('Remove row %1 of %2', index + 1, title)}
              onClick={() => remove(index)}
            >
              <closeIcon.react tag="span" aria-hidden="true" width="14px" height="14px" />
            </button>
          </li>
        ))}
      </ul>
      <button type="button" className="jp-mltrain-Link jp-mltrain-Rows-add" onClick={append}>
        <addIcon.react tag="span" aria-hidden="true" width="14px" height="14px" />
        {add}
      </button>
    </fieldset>
  );
}

function Cell(props: { table: Table; index: number; row: Row; column: IColumn; title: string }): JSX.Element {
  const { table, index, row, column, title } = props;
  const { edit, trans } = useForm();
  const { name, placeholder, options } = column;
  const set = (value: string): void => edit(setRow(table, index, { [name]: value }));
  const label = trans.__('%1 %2: %3', title, index + 1, column.title);
  return (
    <Field path={`${table}.${index}.${name}`} label={label} bare>
      {control =>
        options ? (
          <select
            {...control}
            className="jp-mltrain-Select"
            value={row[name]}
            onChange={({ target }) => set(target.value)}
          >
            {options.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        ) : (
          <input
            {...control}
            className="jp-mltrain-Input"
            value={row[name] ?? ''}
            placeholder={placeholder ?? column.title}
            autoComplete="off"
            spellCheck={false}
            onChange={({ target }) => set(target.value)}
          />
        )
      }
    </Field>
  );
}
