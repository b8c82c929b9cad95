import { addIcon, closeIcon, undoIcon } from '@jupyterlab/ui-components';
import { useState, type KeyboardEvent } from 'react';

import { setRequirement } from './draft';
import { Field, useForm } from './fields';

/** What the notebook needs installed: found by its imports, and changed by the user. */
export function Requirements({ requirements }: { requirements: readonly string[] }): JSX.Element {
  const { draft, trans, problems } = useForm();
  const [isOpen, setOpen] = useState(false);
  const lines = requirements.map(split);
  const found = new Set(lines.map(({ name }) => name));
  const others = Object.keys(draft.requirements).filter(name => !found.has(normalised(name)));
  const isWrong = [...problems.keys()].some(field => field.startsWith('requirements.'));
  const changes = Object.keys(draft.requirements).length;
  return (
    <details
      className="jp-mltrain-Requirements"
      open={isOpen || isWrong}
      onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
    >
      <summary>
        {trans._n('%1 requirement found', '%1 requirements found', lines.length)}
        {changes > 0 && <span className="jp-mltrain-Field-changed">{trans.__('changed')}</span>}
      </summary>
      <p className="jp-mltrain-Field-help">
        {trans.__('Found by the imports, with the versions of the notebook’s kernel.')}
      </p>
      <ul className="jp-mltrain-Rows">
        {lines.map(({ name, specifier }) => (
          <Line key={name} name={name} specifier={specifier} />
        ))}
        {others.map(name => (
          <Line key={name} name={name} specifier={draft.requirements[name]} />
        ))}
      </ul>
      <Adder />
    </details>
  );
}

/** One requirement; `specifier`: null is left out. */
function Line({ name, specifier }: { name: string; specifier: string | null }): JSX.Element {
  const { draft, edit, trans } = useForm();
  const key = Object.keys(draft.requirements).find(one => normalised(one) === name) ?? name;
  const isChanged = key in draft.requirements;
  const current = isChanged ? draft.requirements[key] : specifier;
  return (
    <li className={isChanged ? 'jp-mod-changed' : ''}>
      <Field path={`requirements.${key}`} label={<code>{name}</code>} className="jp-mltrain-Field-inline">
        {control =>
          current === null ? (
            <span className="jp-mltrain-Quiet">{trans.__('left out')}</span>
          ) : (
            <input
              {...control}
              className="jp-mltrain-Input"
              value={current.trimStart()}
              placeholder={trans.__('any version')}
              autoComplete="off"
              spellCheck={false}
              onChange={({ target }) => edit(setRequirement(key, target.value))}
            />
          )
        }
      </Field>
      {isChanged ? (
        <button
          type="button"
          className="jp-mltrain-IconButton"
          title={trans.__('Back to what was found')}
          aria-label={trans.__('Take back what was said about %1', name)}
          onClick={() => edit(setRequirement(key, undefined))}
        >
          <undoIcon.react tag="span" aria-hidden="true" width="14px" height="14px" />
        </button>
      ) : (
        <button
          type="button"
          className="jp-mltrain-IconButton"
          title={trans.__('Leave out')}
          aria-label={trans.__('Leave out %1', name)}
          onClick={() => edit(setRequirement(key, null))}
        >
          <closeIcon.react tag="span" aria-hidden="true" width="14px" height="14px" />
        </button>
      )}
    </li>
  );
}

/** Adds a line such as `lightgbm>=4`. */
function Adder(): JSX.Element {
  const { edit, trans } = useForm();
  const [text, setText] = useState('');
  const add = (): void => {
    const { name, specifier } = split(text.trim());
    if (name) {
      edit(setRequirement(name, specifier));
      setText('');
    }
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      add();
    }
  };
  return (
    <div className="jp-mltrain-Field-row">
      <input
        className="jp-mltrain-Input"
        aria-label={trans.__('Requirement to add')}
        placeholder={trans.__('Add one, e.g. lightgbm>=4')}
        value={text}
        autoComplete="off"
        spellCheck={false}
        onChange={({ target }) => setText(target.value)}
        onKeyDown={onKeyDown}
      />
      <button
        type="button"
        className="jp-mltrain-IconButton"
        title={trans.__('Add')}
        aria-label={trans.__('Add the requirement')}
        onClick={add}
      >
        <addIcon.react tag="span" aria-hidden="true" width="14px" height="14px" />
      </button>
    </div>
  );
}

/** Return the name and the rest of a line as pip takes it. */
export function split(line: string): { name: string; specifier: string } {
  const [, name = '', specifier = ''] = /^\s*([A-Za-z0-9][A-Za-z0-9._-]*)(.*)$/.exec(line) ?? [];
  return { name, specifier };
}

/** Return a name as PEP 503 says. */
function normalised(name: string): string {
  return name.replace(/[-_.]+/g, '-').toLowerCase();
}
