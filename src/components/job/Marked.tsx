/** A text in which each place that holds `query`, in lower case, is marked. */
export function Marked({ text, query }: { text: string; query: string }): JSX.Element {
  if (!query) {
    return <>{text}</>;
  }
  const lower = text.toLowerCase();
  const parts: (JSX.Element | string)[] = [];
  let end = 0;
  for (let start = lower.indexOf(query); start >= 0; start = lower.indexOf(query, end)) {
    parts.push(text.slice(end, start), <mark key={start}>{text.slice(start, start + query.length)}</mark>);
    end = start + query.length;
  }
  return (
    <>
      {parts}
      {text.slice(end)}
    </>
  );
}
