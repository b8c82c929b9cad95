/** Return a value as it is edited: texts as they are, all else as JSON with room to read. */
export function written(value: unknown): string {
  if (typeof value === 'string') {
    return value;
  }
  if (Array.isArray(value)) {
    return `[${value.map(spelled).join(', ')}]`;
  }
  if (value !== null && typeof value === 'object') {
    const pairs = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${spelled(item)}`);
    return `{${pairs.join(', ')}}`;
  }
  return JSON.stringify(value);
}

/** Within a list or an object, texts have quotes. */
function spelled(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : written(value);
}
