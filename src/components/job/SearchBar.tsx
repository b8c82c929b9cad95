import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretUpIcon } from '@jupyterlab/ui-components';
import type { KeyboardEvent } from 'react';

import { useModel } from '../hooks';
import { placeOf, type LogSearch } from './search';

/** Search in a log: Enter goes to the next line that holds the text, Shift+Enter to the one before. */
export function SearchBar(props: {
  search: LogSearch;
  trans: TranslationBundle;
  /** The line that was gone to; null: none. */
  current: number | null;
  /** The first line to be seen: where a search begins. */
  top: () => number;
  onShow: (line: number | null) => void;
}): JSX.Element {
  const { search, trans, current, top, onShow } = props;
  const { matches, isSearching, query } = useModel(search);

  const go = (direction: 1 | -1): void => {
    if (matches.length === 0) {
      return;
    }
    const place = current === null ? placeOf(matches, top()) - (direction === 1 ? 1 : 0) : placeOf(matches, current);
    onShow(matches[(place + direction + matches.length) % matches.length]);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter') {
      event.preventDefault();
      go(event.shiftKey ? -1 : 1);
    }
  };
  const onQuery = (text: string): void => {
    search.find(text);
    onShow(null);
  };

  return (
    <div className="jp-mltrain-Search" role="search">
      <input
        type="search"
        className="jp-mltrain-Input"
        aria-label={trans.__('Search the log')}
        placeholder={trans.__('Search')}
        onChange={({ target }) => onQuery(target.value)}
        onKeyDown={onKeyDown}
      />
      <button
        type="button"
        className="jp-mltrain-IconButton"
        aria-label={trans.__('Previous match')}
        onClick={() => go(-1)}
      >
        <caretUpIcon.react tag="span" aria-hidden="true" width="16px" height="16px" />
      </button>
      <button type="button" className="jp-mltrain-IconButton" aria-label={trans.__('Next match')} onClick={() => go(1)}>
        <caretDownIcon.react tag="span" aria-hidden="true" width="16px" height="16px" />
      </button>
      <span className="jp-mltrain-Search-count" role="status">
        {query && countWords(matches, current, trans)}
        {isSearching && '…'}
      </span>
    </div>
  );
}

function countWords(matches: readonly number[], current: number | null, trans: TranslationBundle): string {
  const place = current === null ? 0 : placeOf(matches, current) + 1;
  return trans.__('%1 of %2', place, matches.length.toLocaleString());
}
