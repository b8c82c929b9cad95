import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import { useId, type ReactNode } from 'react';

/** A part of the panel that can be folded away. */
export function Section(props: {
  title: string;
  isOpen: boolean;
  onOpen: (isOpen: boolean) => void;
  /** Said in the title's line, also while it is folded. */
  note?: string;
  children: ReactNode;
}): JSX.Element {
  const { title, isOpen, onOpen, note = '', children } = props;
  const id = useId();
  const Caret = isOpen ? caretDownIcon : caretRightIcon;
  return (
    <section className="jp-mltrain-Section" aria-labelledby={`${id}-title`}>
      <h3 id={`${id}-title`} className="jp-mltrain-Section-title">
        <button type="button" aria-expanded={isOpen} aria-controls={`${id}-body`} onClick={() => onOpen(!isOpen)}>
          <Caret.react tag="span" aria-hidden="true" width="16px" height="16px" />
          {title}
        </button>
      </h3>
      {!isOpen && note && <span className="jp-mltrain-Section-note">{note}</span>}
      <div id={`${id}-body`} className="jp-mltrain-Section-body" hidden={!isOpen}>
        {children}
      </div>
    </section>
  );
}
