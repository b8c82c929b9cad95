import { useId, useRef, type KeyboardEvent, type ReactNode } from 'react';

/** A tab's name and title. */
export interface ITab<Name extends string> {
  name: Name;
  title: string;
}

/** Tabs by the ARIA pattern: one tab stop, arrows, Home and End go from tab to tab and show it. */
export function TabList<Name extends string>(props: {
  label: string;
  tabs: readonly ITab<Name>[];
  current: Name;
  onSelect: (name: Name) => void;
  children: ReactNode;
}): JSX.Element {
  const { label, tabs, current, onSelect, children } = props;
  const id = useId();
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
            aria-controls={`${id}-panel`}
            tabIndex={name === current ? 0 : -1}
            onClick={() => onSelect(name)}
          >
            {title}
          </button>
        ))}
      </div>
      <div
        id={`${id}-panel`}
        className="jp-mltrain-TabPanel"
        role="tabpanel"
        aria-labelledby={`${id}-${current}`}
        tabIndex={0}
      >
        {children}
      </div>
    </>
  );
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
