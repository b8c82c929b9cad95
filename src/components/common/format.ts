/** Return a number of bytes in the largest binary unit: `2 GiB`, `15.6 GiB`. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(count) / 10));
  return `${Number((count / 1024 ** power).toFixed(1))} ${units[power]}`;
}

/** Return a time, ISO 8601, as the user's clock has it; `''` for none. */
export function localTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime())
    ? iso
    : time.toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' });
}

/** Return seconds as people say them: `0.42 s`, `12.3 s`, `2 min 05 s`. */
export function seconds(value: number): string {
  if (value < 60) {
    return `${value.toFixed(value < 1 ? 2 : 1)} s`;
  }
  const whole = Math.round(value);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (count: number): string => String(count).padStart(2, '0');
  return hours > 0 ? `${hours} h ${two(minutes)} min` : `${minutes} min ${two(rest)} s`;
}

/** Return a measured value, short; what is counted is told whole. */
export function measured(value: number | null, digits = 6): string {
  if (value === null) {
    return 'NaN';
  }
  return String(Number.isSafeInteger(value) ? value : Number(value.toPrecision(digits)));
}
