import type { TranslationBundle } from '@jupyterlab/translation';
import { filterIcon, homeIcon } from '@jupyterlab/ui-components';
import { forwardRef, type ForwardedRef, type KeyboardEvent } from 'react';

import type { BackendInfo, JobSummary } from '../../types';
import { phaseWord } from '../common';
import { ACTIVE, countOf, ENDED, notebooksOf, type IFilters } from './filters';

interface IFiltersProps {
  filters: IFilters;
  onChange: (changes: Partial<IFilters>) => void;
  backends: readonly BackendInfo[];
  rows: readonly JobSummary[];
  /** How many jobs there are in each phase. */
  counts: Readonly<Record<string, number>>;
  /** Whether kind and notebook can be chosen too. */
  isOpen: boolean;
  onOpen: (isOpen: boolean) => void;
  /** Go from the search to the list. */
  onLeave: () => void;
  trans: TranslationBundle;
}

/** Which jobs are listed: where, in what state, of what kind, of what notebook, with what text. */
export const Filters = forwardRef(function Filters(
  props: IFiltersProps,
  search: ForwardedRef<HTMLInputElement>
): JSX.Element {
  const { filters, onChange, isOpen, onOpen, trans } = props;
  const isHidden = !isOpen && Boolean(filters.kind || filters.notebook);
  return (
    <div className="jp-mltrain-Filters" role="search" aria-label={trans.__('Filter the jobs')}>
      <div className="jp-mltrain-Filters-line">
        <Where {...props} />
        <StateSelect {...props} />
      </div>
      <div className="jp-mltrain-Filters-line">
        <SearchInput ref={search} {...props} />
        <button
          type="button"
          className="jp-mltrain-IconButton"
          title={trans.__('More filters')}
          aria-label={isHidden ? trans.__('More filters, some are set') : trans.__('More filters')}
          aria-expanded={isOpen}
          data-set={isHidden || undefined}
          onClick={() => onOpen(!isOpen)}
        >
          <filterIcon.react tag="span" aria-hidden="true" width="16px" height="16px" />
        </button>
      </div>
      {isOpen && (
        <div className="jp-mltrain-Filters-line">
          <Choice
            label={trans.__('Kind')}
            value={filters.kind}
            options={[['', trans.__('All kinds')], ...kindsOf(props).map(kind => [kind, kind] as const)]}
            onChange={kind => onChange({ kind })}
          />
          <Choice
            label={trans.__('Notebook')}
            value={filters.notebook}
            options={[
              ['', trans.__('All notebooks')],
              ...notebooksOf(props.rows, filters.notebook).map(path => [path, path] as const)
            ]}
            onChange={notebook => onChange({ notebook })}
          />
        </div>
      )}
    </div>
  );
});

/** The places; a word only, where there is no choice. */
function Where({ filters, onChange, backends, trans }: IFiltersProps): JSX.Element {
  const icon = <homeIcon.react tag="span" aria-hidden="true" width="14px" height="14px" />;
  if (backends.length < 2) {
    return (
      <span className="jp-mltrain-Filters-where">
        {icon}
        <span>{backends[0]?.title ?? ''}</span>
      </span>
    );
  }
  const titles = backends.map(({ name, title, available }) => {
    return [name, available ? title : trans.__('%1 (not reachable)', title)] as const;
  });
  return (
    <Choice
      label={trans.__('Where')}
      value={filters.where}
      options={[['', trans.__('Everywhere')], ...titles]}
      onChange={where => onChange({ where })}
    />
  );
}

function StateSelect({ filters, onChange, counts, trans }: IFiltersProps): JSX.Element {
  const option = (state: string, word: string): readonly [string, string] => {
    const count = state && countOf(state, counts);
    return [state, count ? `${word} (${count.toLocaleString()})` : word];
  };
  return (
    <Choice
      label={trans.__('State')}
      value={filters.state}
      options={[
        option('', trans.__('All jobs')),
        option('active', trans.__('Not ended')),
        option('ended', trans.__('Ended')),
        ...[...ACTIVE, ...ENDED].map(phase => option(phase, phaseWord(phase, trans)))
      ]}
      onChange={state => onChange({ state })}
    />
  );
}

const SearchInput = forwardRef(function SearchInput(
  { filters, onChange, onLeave, trans }: IFiltersProps,
  ref: ForwardedRef<HTMLInputElement>
): JSX.Element {
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && filters.text) {
      onChange({ text: '' });
    } else if (event.key === 'ArrowDown') {
      onLeave();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <input
      ref={ref}
      type="search"
      className="jp-mltrain-Input"
      value={filters.text}
      spellCheck={false}
      aria-label={trans.__('Search the jobs')}
      placeholder={trans.__('Search')}
      onChange={({ target }) => onChange({ text: target.value })}
      onKeyDown={onKeyDown}
    />
  );
});

function Choice(props: {
  label: string;
  value: string;
  options: readonly (readonly [value: string, word: string])[];
  onChange: (value: string) => void;
}): JSX.Element {
  const { label, value, options, onChange } = props;
  return (
    <select
      className="jp-mltrain-Select"
      aria-label={label}
      title={label}
      value={value}
      data-set={value !== '' || undefined}
      onChange={({ target }) => onChange(target.value)}
    >
      {options.map(([option, word]) => (
        <option key={option} value={option}>
          {word}
        </option>
      ))}
    </select>
  );
}

function kindsOf({ filters, backends, rows }: IFiltersProps): string[] {
  const known = [...backends.flatMap(({ kinds }) => kinds), ...rows.map(({ kind }) => kind), filters.kind];
  return [...new Set(known.filter(Boolean))].sort();
}
