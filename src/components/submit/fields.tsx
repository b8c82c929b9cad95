import type { TranslationBundle } from '@jupyterlab/translation';
import { createContext, useContext, useId, type ReactNode } from 'react';

import { setField, type Change, type IDraft } from './draft';
import type { IProblem } from './problems';

/** What all parts of the form share. */
export interface IForm {
  draft: IDraft;
  /** What is wrong with each field. */
  problems: ReadonlyMap<string, IProblem>;
  edit: (change: Change) => void;
  trans: TranslationBundle;
}

const FormContext = createContext<IForm | null>(null);

/** Gives the parts of a form what they share. */
export const FormProvider = FormContext.Provider;

/** Return what the parts of the form share. */
export function useForm(): IForm {
  return useContext(FormContext)!;
}

/** What ties a control to its label, its help and what is wrong with it. */
export interface IControl {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean | undefined;
}

/** A label, a control, its help, and what is wrong with it. */
export function Field(props: {
  path: string;
  label: ReactNode;
  help?: ReactNode;
  /** Stands behind the label: `changed`, a button. */
  aside?: ReactNode;
  /** The label is for screen readers only: the column says it. */
  bare?: boolean;
  className?: string;
  children: (control: IControl) => ReactNode;
}): JSX.Element {
  const { path, label, help, aside, bare = false, className = '', children } = props;
  const { problems } = useForm();
  const problem = problems.get(path);
  const id = useId();
  const described = [help && `${id}-help`, problem && `${id}-problem`].filter(Boolean).join(' ');
  const control: IControl = {
    id,
    'aria-describedby': described || undefined,
    'aria-invalid': problem ? true : undefined
  };
  return (
    <div className={`jp-mltrain-Field ${className}`} data-field={path}>
      <div className={bare ? 'jp-mltrain-sr' : 'jp-mltrain-Field-label'}>
        <label htmlFor={id}>{label}</label>
        {aside}
      </div>
      {children(control)}
      {help && (
        <p id={`${id}-help`} className="jp-mltrain-Field-help">
          {help}
        </p>
      )}
      {problem && (
        <p id={`${id}-problem`} className="jp-mltrain-Field-problem" role="alert">
          {problem.message} {problem.hint}
        </p>
      )}
    </div>
  );
}

interface IFieldProps {
  path: string;
  label: ReactNode;
  help?: ReactNode;
  bare?: boolean;
  disabled?: boolean;
}

/** A field of the spec that is one text; emptied, it has its default again. */
export function TextField(
  props: IFieldProps & { placeholder?: string; value?: string; isNumber?: boolean }
): JSX.Element {
  const { path, placeholder, disabled, isNumber = false, value, ...field } = props;
  const { draft, edit } = useForm();
  const onBlur = (): void => {
    if (draft.fields[path]?.trim() === '') {
      edit(setField(path, null));
    }
  };
  return (
    <Field path={path} {...field}>
      {control => (
        <input
          {...control}
          className="jp-mltrain-Input"
          value={draft.fields[path] ?? value ?? ''}
          placeholder={placeholder}
          disabled={disabled}
          inputMode={isNumber ? 'numeric' : undefined}
          autoComplete="off"
          spellCheck={false}
          onChange={({ target }) => edit(setField(path, target.value))}
          onBlur={onBlur}
        />
      )}
    </Field>
  );
}

/** A field of the spec that is one of some words; the first option, `''`, is its default. */
export function SelectField(
  props: IFieldProps & { options: readonly (readonly [value: string, label: string])[] }
): JSX.Element {
  const { path, options, disabled, ...field } = props;
  const { draft, edit } = useForm();
  return (
    <Field path={path} {...field}>
      {control => (
        <select
          {...control}
          className="jp-mltrain-Select"
          value={draft.fields[path] ?? ''}
          disabled={disabled}
          onChange={({ target }) => edit(setField(path, target.value || null))}
        >
          {options.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A field of the spec that is yes or no; no is its default. */
export function CheckField(props: { path: string; label: string; help?: string }): JSX.Element {
  const { path, label, help } = props;
  const { draft, edit } = useForm();
  const id = useId();
  return (
    <div className="jp-mltrain-Field jp-mltrain-Field-check" data-field={path}>
      <input
        id={id}
        type="checkbox"
        aria-describedby={help ? `${id}-help` : undefined}
        checked={draft.fields[path] === 'true'}
        onChange={({ target }) => edit(setField(path, target.checked ? 'true' : null))}
      />
      <label htmlFor={id}>{label}</label>
      {help && (
        <p id={`${id}-help`} className="jp-mltrain-Field-help">
          {help}
        </p>
      )}
    </div>
  );
}
