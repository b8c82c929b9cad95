import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import { useId, type ReactNode } from 'react';

import { useForm } from './fields';

/** A part of the form that opens and closes; closed, it says what is set in it. */
export function Section(props: {
  title: string;
  summary: string;
  isOpen: boolean;
  onToggle: () => void;
  /** How many of its fields are wrong. */
  problems: number;
  children: ReactNode;
}): JSX.Element {
  const { title, summary, isOpen, onToggle, problems, children } = props;
  const { trans } = useForm();
  const id = useId();
  const Caret = isOpen ? caretDownIcon : caretRightIcon;
  return (
    <section className="jp-mltrain-FormSection" aria-labelledby={`${id}-title`}>
      <h3>
        <button
          type="button"
          className="jp-mltrain-FormSection-head"
          aria-expanded={isOpen}
          aria-controls={`${id}-body`}
          onClick={onToggle}
        >
          <Caret.react tag="span" aria-hidden="true" width="16px" height="16px" />
          <span id={`${id}-title`} className="jp-mltrain-FormSection-title">
            {title}
          </span>
          {problems > 0 && (
            <span className="jp-mltrain-FormSection-problems">{trans._n('%1 problem', '%1 problems', problems)}</span>
          )}
          {!isOpen && <span className="jp-mltrain-FormSection-summary">{summary}</span>}
        </button>
      </h3>
      <div id={`${id}-body`} className="jp-mltrain-FormSection-body" hidden={!isOpen}>
        {isOpen && children}
      </div>
    </section>
  );
}
