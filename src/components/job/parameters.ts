type Values = Readonly<Record<string, unknown>>;
type Texts = Readonly<Record<string, string>>;

/** Return values as they are edited: texts as they are, all else as JSON. */
export function written(values: Values): Texts {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, writtenValue(value)]));
}

/** Return the values whose text was changed. What was a text stays one; all else is read as JSON if it is JSON. */
export function changedParameters(values: Values, texts: Texts): Record<string, unknown> {
  const changed = Object.entries(texts).filter(([name, text]) => text !== writtenValue(values[name]));
  return Object.fromEntries(
    changed.map(([name, text]) => [name, typeof values[name] === 'string' ? text : readValue(text)])
  );
}

function writtenValue(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What is not JSON goes as text: the server knows the parameter's type and says what is wrong. */
function readValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
