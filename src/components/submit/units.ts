const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Return the seconds that `90`, `30 m`, `1h 30m` or `2 d` mean; null: it is no duration. */
export function parseDuration(text: string): number | null {
  const plain = text.trim().toLowerCase();
  if (/^\d+$/.test(plain)) {
    return Number(plain);
  }
  const parts = plain.match(/\d+(?:\.\d+)?\s*[a-z]+/g) ?? [];
  if (parts.length === 0 || parts.join('').replace(/\s/g, '') !== plain.replace(/\s/g, '')) {
    return null;
  }
  return parts.reduce<number | null>((sum, part) => {
    const unit = SECONDS[part.replace(/[\d.\s]/g, '').replace(/^(\w).*$/, '$1')];
    return sum === null || unit === undefined ? null : sum + Math.round(parseFloat(part) * unit);
  }, 0);
}

/** Return seconds as people write them: `1 h 30 m`. */
export function writeDuration(seconds: number): string {
  let rest = Math.round(seconds);
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's']) {
    const count = Math.floor(rest / SECONDS[unit]);
    rest -= count * SECONDS[unit];
    if (count > 0) {
      parts.push(`${count} ${unit}`);
    }
  }
  return parts.join(' ') || '0 s';
}
