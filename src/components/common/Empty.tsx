import type { ReactNode } from 'react';

/** What is said where nothing is to be seen: why, and what could be done. */
export function Empty(props: { title: string; children?: ReactNode }): JSX.Element {
  return (
    <div className="jp-mltrain-Empty">
      <p className="jp-mltrain-Empty-title">{props.title}</p>
      {props.children}
    </div>
  );
}
