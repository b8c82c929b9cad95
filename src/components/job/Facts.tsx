import type { ReactNode } from 'react';

/** Names with their values; what is empty is left out. */
export function Facts(props: { facts: readonly (readonly [name: string, value: ReactNode])[] }): JSX.Element {
  const known = props.facts.filter(([, value]) => Boolean(value));
  return (
    <dl className="jp-mltrain-Facts">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Values by name, as JSON; null if there are none. `texts` has those of them whose digits JavaScript would lose. */
export function Values(props: {
  values: Readonly<Record<string, unknown>>;
  texts?: Readonly<Record<string, string>>;
}): JSX.Element | null {
  const { values, texts = {} } = props;
  const entries = Object.entries(values);
  const shown = (name: string, value: unknown): string =>
    (typeof value !== 'string' && texts[name]) || JSON.stringify(value);
  if (entries.length === 0) {
    return null;
  }
  return (
    <ul className="jp-mltrain-Values">
      {entries.map(([name, value]) => (
        <li key={name}>
          <code>{`${name} = ${shown(name, value)}`}</code>
        </li>
      ))}
    </ul>
  );
}

/** Whether there is anything in it. */
export function isFilled(values: object): boolean {
  return Object.keys(values).length > 0;
}
