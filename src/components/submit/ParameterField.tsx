import { undoIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';

import { written } from '../common';
import { setParameter } from './draft';
import { Field, useForm, type IControl } from './fields';
import {
  choicesOf,
  controlOf,
  defaultEntry,
  isBlank,
  isNone,
  NONE,
  textOf,
  type Entry,
  type IParameter,
  type IType
} from './parameters';

/** One parameter of the notebook: its value, what it is for, and the way back to its default. */
export function ParameterField({ parameter }: { parameter: IParameter }): JSX.Element {
  const { draft, edit, trans } = useForm();
  const { name, help, expression } = parameter;
  const said = (draft.parameters[name] as Entry | undefined) ?? null;
  const isChanged = said !== null && !isBlank(parameter, said);
  const set = (entry: Entry | null): void => edit(setParameter(parameter, entry));
  const label = (
    <>
      <code>{name}</code> <span className="jp-mltrain-Field-type">{typeWords(parameter.type, trans)}</span>
    </>
  );
  const aside = isChanged && (
    <>
      <span className="jp-mltrain-Field-changed">{trans.__('changed')}</span>
      <button
        type="button"
        className="jp-mltrain-IconButton jp-mltrain-Field-reset"
        title={resetWords(parameter, trans)}
        aria-label={`${trans.__('Reset %1', name)}: ${resetWords(parameter, trans)}`}
        onClick={() => set(null)}
      >
        <undoIcon.react tag="span" aria-hidden="true" width="14px" height="14px" />
      </button>
    </>
  );
  const words = [
    help,
    expression !== undefined && !isChanged ? trans.__('Computed when the notebook runs, unless you give a value.') : ''
  ];
  return (
    <Field
      path={`parameters.${name}`}
      label={label}
      help={words.filter(Boolean).join(' · ')}
      aside={aside}
      className={isChanged ? 'jp-mod-changed' : ''}
    >
      {control => (
        <div className="jp-mltrain-Field-row">
          <ValueControl parameter={parameter} said={said} set={set} control={control} />
          {parameter.type.optional && controlOf(parameter) !== 'choice' && (
            <NoneBox parameter={parameter} said={said} set={set} />
          )}
        </div>
      )}
    </Field>
  );
}

interface IValueProps {
  parameter: IParameter;
  said: Entry | null;
  set: (entry: Entry | null) => void;
}

function ValueControl(props: IValueProps & { control: IControl }): JSX.Element {
  const { parameter, said, set, control } = props;
  const { trans } = useForm();
  const entry = said ?? defaultEntry(parameter);
  const kind = controlOf(parameter);
  if (kind === 'check') {
    const isOn = textOf(entry) === 'true';
    return (
      <>
        <input
          {...control}
          type="checkbox"
          checked={isOn}
          onChange={({ target }) => set({ text: String(target.checked) })}
        />
        <span aria-hidden="true">{isOn ? 'True' : 'False'}</span>
      </>
    );
  }
  if (kind === 'choice') {
    return <Choice {...props} />;
  }
  const shared = {
    ...control,
    className: 'jp-mltrain-Input',
    value: textOf(entry),
    placeholder: placeholder(parameter, entry, trans),
    disabled: isNone(entry),
    spellCheck: false,
    onChange: ({ target }: { target: { value: string } }) => set({ text: target.value }),
    onBlur: () => said && isBlank(parameter, said) && set(null)
  };
  if (kind === 'lines' || kind === 'json') {
    return <textarea {...shared} rows={Math.min(8, 1 + Math.ceil(shared.value.length / 50))} />;
  }
  return <input {...shared} autoComplete="off" inputMode={kind === 'number' ? 'decimal' : undefined} />;
}

/** Some values, None where it is allowed, and nothing where the notebook computes it or nobody has said it yet. */
function Choice({ parameter, said, set, control }: IValueProps & { control: IControl }): JSX.Element {
  const { trans } = useForm();
  const choices = choicesOf(parameter.type);
  const entry = said ?? defaultEntry(parameter);
  const current = isNone(entry) ? 'none' : choices.findIndex(choice => written(choice) === textOf(entry));
  const choose = (value: string): void => {
    if (value === 'none') {
      set(NONE);
    } else {
      set(value === '-1' ? null : { text: written(choices[Number(value)]) });
    }
  };
  return (
    <select
      {...control}
      className="jp-mltrain-Select"
      value={String(current)}
      onChange={({ target }) => choose(target.value)}
    >
      {(defaultEntry(parameter) === null || current === -1) && (
        <option value="-1">{parameter.expression ?? (textOf(entry) || trans.__('Choose…'))}</option>
      )}
      {choices.map((choice, index) => (
        <option key={index} value={index}>
          {typeof choice === 'boolean' ? (choice ? 'True' : 'False') : written(choice)}
        </option>
      ))}
      {parameter.type.optional && <option value="none">None</option>}
    </select>
  );
}

function NoneBox({ parameter, said, set }: IValueProps): JSX.Element {
  const { trans } = useForm();
  const initial = defaultEntry(parameter);
  const onChange = (isOn: boolean): void => {
    if (isOn) {
      set(NONE);
    } else {
      set(initial && !isNone(initial) ? initial : { text: '' });
    }
  };
  return (
    <label className="jp-mltrain-Field-none">
      <input
        type="checkbox"
        aria-label={trans.__('%1 is None', parameter.name)}
        checked={isNone(said ?? initial)}
        onChange={({ target }) => onChange(target.checked)}
      />
      None
    </label>
  );
}

function placeholder({ expression, required }: IParameter, entry: Entry | null, trans: TranslationBundle): string {
  if (isNone(entry)) {
    return 'None';
  }
  return expression ?? (required ? trans.__('A value is needed') : '');
}

function resetWords({ expression, required, default: value, text }: IParameter, trans: TranslationBundle): string {
  if (required) {
    return trans.__('Take the value away');
  }
  return trans.__(
    'Back to %1',
    expression ?? (value === null ? 'None' : typeof value === 'boolean' ? pythonic(value) : (text ?? written(value)))
  );
}

function pythonic(value: boolean): string {
  return value ? 'True' : 'False';
}

/** Return a type in a few words, as an annotation would say it. */
function typeWords(type: IType, trans: TranslationBundle): string {
  const { kind, optional, items, options, choices } = type;
  const inner = items ? `[${kind === 'dict' ? 'str, ' : ''}${typeWords(items, trans)}]` : '';
  const plain: Record<IType['kind'], string> = {
    bool: 'bool',
    int: 'int',
    float: 'float',
    str: 'str',
    path: trans.__('path'),
    list: `list${inner}`,
    dict: `dict${inner}`,
    union: (options ?? []).map(option => typeWords(option, trans)).join(' | '),
    any: trans.__('any value')
  };
  const words = choices?.length ? trans.__('choice') : plain[kind];
  return optional && kind !== 'any' ? `${words} | None` : words;
}
