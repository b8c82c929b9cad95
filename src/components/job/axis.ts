import type uPlot from 'uplot';

/** Characters up to which a number at an axis is written out. */
const SHORT = 6;

/** Of thousands, of millions ... */
const SUFFIXES = ['', 'k', 'M', 'G', 'T'];

/** Room for the labels of a vertical axis, in pixels: charts one below the other begin at the same place. */
const WIDTH = 60;

/**
 * Steps from tick to tick, ascending. uPlot's own end at 1e32, and an axis without a step has no labels: a loss that has
 * gone astray is larger.
 */
export const STEPS: number[] = Array.from({ length: 340 }, (_, index) => index - 32).flatMap(exponent =>
  [1, 2, 2.5, 5].map(digits => Number(`${digits}e${exponent}`))
);

/**
 * Return what is written at the ticks of an axis: as many digits as tell one tick from the next, and no more.
 *
 * Where that is long, all are written with a suffix or an exponent: `1.5M`, `2.5e-4`.
 */
export function tickLabels(ticks: readonly number[], step: number): string[] {
  const { exponent, places } = scientific(step);
  const last = exponent - places; // where the last digit is that counts
  const plain = ticks.map(tick => tick.toFixed(Math.max(0, -last)));
  const isShort = longest(plain) <= SHORT && !plain.some(text => text.includes('e'));
  const others = [withSuffix(ticks, last), ticks.map(tick => withExponent(tick, last))];
  return isShort ? plain : others.reduce((best, form) => (longest(form) < longest(best) ? form : best), plain);
}

function withSuffix(ticks: readonly number[], last: number): string[] {
  const largest = Math.max(1, ...ticks.map(Math.abs));
  const thousands = Math.min(SUFFIXES.length - 1, Math.floor(Math.log10(largest) / 3));
  const places = Math.max(0, 3 * thousands - last);
  return ticks.map(tick => {
    const text = String(Number((tick / 1000 ** thousands).toFixed(places)));
    return tick === 0 ? text : text + SUFFIXES[thousands];
  });
}

function withExponent(tick: number, last: number): string {
  const { exponent } = scientific(tick);
  const places = Math.min(Math.max(0, exponent - last), 15);
  const [digits, rounded] = tick.toExponential(places).split('e');
  return tick === 0 ? '0' : `${Number(digits)}e${Number(rounded)}`;
}

/** The exponent of a number, and how many digits come after the point before it. */
function scientific(value: number): { exponent: number; places: number } {
  const [digits, exponent] = value.toExponential().split('e');
  return { exponent: Number(exponent), places: digits.split('.')[1]?.length ?? 0 };
}

function longest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(text => text.replace('-', '').length));
}

/** Return how wide an axis has to be for its labels, in pixels; uPlot asks again until the answer stays the same. */
export function axisWidth(plot: uPlot, labels: string[] | null, index: number, cycle: number): number {
  const axis = plot.axes[index] as uPlot.Axis & { _size: number; font: string[] };
  if (cycle > 1) {
    return axis._size;
  }
  plot.ctx.font = axis.font[0]; // in the canvas' pixels
  const widths = (labels ?? []).map(label => plot.ctx.measureText(label).width / devicePixelRatio);
  return Math.max(WIDTH, Math.ceil(axis.ticks!.size! + axis.gap! + Math.max(0, ...widths)));
}
