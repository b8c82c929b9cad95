import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';

/** A tab's name and title. */
export interface ITab<Name extends string> {
  name: Name;
  title: string;
}

/**
 * Tabs by the ARIA pattern: one tab stop, arrows, Home and End go from tab to tab and show it.
 *
 * A tab is made when it is first shown. From then on it stays, so that whoever comes back finds it as it was left.
 */
export function TabList<Name extends string>(props: {
  label: string;
  tabs: readonly ITab<Name>[];
  current: Name;
  onSelect: (name: Name) => void;
  /** What a tab shows. */
  panel: (name: Name) => ReactNode;
}): JSX.Element {
  const { label, tabs, current, onSelect, panel } = props;
  const id = useId();
  const made = useMade(current);

  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [current]);
  const list = useRef<HTMLDivElement>(null);

  const onKeyDown = (event: KeyboardEvent): void => {
    const index = tabs.findIndex(({ name }) => name === current);
    const target = step(event.key, index, tabs.length);
    if (target !== null) {
      event.preventDefault();
      onSelect(tabs[target].name);
      (list.current?.children[target] as HTMLElement).focus();
    }
  };

  return (
    <>
      <div ref={list} className="jp-mltrain-TabList" role="tablist" aria-label={label} onKeyDown={onKeyDown}>
        {tabs.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            className="jp-mltrain-TabList-tab"
            aria-selected={name === current}
            aria-controls={`${id}-${name}-panel`}
            tabIndex={name === current ? 0 : -1}
            onClick={() => onSelect(name)}
          >
            {title}
          </button>
        ))}
      </div>
      <div className="jp-mltrain-TabPanels">
        {tabs.map(({ name }) => (
          <div
            key={name}
            id={`${id}-${name}-panel`}
            className="jp-mltrain-TabPanel"
            role="tabpanel"
            aria-labelledby={`${id}-${name}`}
            // Not `display: none`, which would lose how far it was scrolled.
            style={name === current ? undefined : { visibility: 'hidden' }}
            tabIndex={0}
          >
            {made.has(name) && panel(name)}
          </div>
        ))}
      </div>
    </>
  );
}

/** Return the names that were the current one so far. */
function useMade<Name>(current: Name): ReadonlySet<Name> {
  const [made, setMade] = useState<ReadonlySet<Name>>(() => new Set([current]));
  if (!made.has(current)) {
    setMade(new Set([...made, current]));
  }
  return made;
}

/** Return the index that a key leads to; null: the key is not for tabs. */
function step(key: string, index: number, count: number): number | null {
  switch (key) {
    case 'ArrowRight':
      return (index + 1) % count;
    case 'ArrowLeft':
      return (index + count - 1) % count;
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return null;
  }
}
