import type uPlot from 'uplot';

import type { ISeries } from '../../services/metrics';
import { measured } from '../common/format';
import { axisWidth, STEPS, tickLabels } from './axis';

/** A line of a chart: a metric of a replica. `x` is the step; null in `y`: not finite. */
export interface ILine {
  label: string;
  x: readonly number[];
  y: readonly (number | null)[];
}

/** Colours of lines, told apart by people who see colours differently; each line has its dashes, too. */
const COLOURS = [
  '--jp-brand-color1',
  '--jp-warn-color1',
  '--jp-success-color1',
  '--jp-error-color1',
  '--jp-info-color1'
];
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

/** What Keras puts before the name of a metric that was measured on data the model was not trained with. */
const VALIDATION = /^val_/;

/** Return the names of the metrics that share a chart: `loss` and `val_loss`, in the order in which they came. */
export function chartsOf(names: readonly string[]): readonly (readonly string[])[] {
  const charts = new Map<string, string[]>();
  for (const name of names) {
    const base = name.replace(VALIDATION, '');
    charts.set(base, [...(charts.get(base) ?? []), name]);
  }
  return [...charts.values()];
}

/** Return the lines of one metric; the replica is named where there are several. */
export function linesOf(name: string, series: readonly ISeries[]): readonly ILine[] {
  return series.map(({ replica, x, y }) => ({ label: series.length > 1 ? `${name} · ${replica}` : name, x, y }));
}

/**
 * Return the lines on one common, ascending axis of steps, as uPlot takes them: first the steps, then one list of
 * values for each line. A step that came twice - a replica was restarted - has its newest value.
 */
export function aligned(lines: readonly ILine[]): uPlot.AlignedData {
  const [first] = lines;
  if (first && isAscending(first.x) && lines.every(({ x }) => isSame(x, first.x))) {
    return [[...first.x], ...lines.map(({ y }) => [...y])];
  }
  const steps = [...new Set(lines.flatMap(({ x }) => x))].sort((one, other) => one - other);
  const values = lines.map(({ x, y }) => {
    const known = new Map(x.map((step, index) => [step, y[index]]));
    // undefined: this line has no point here and goes on; null: a value that is not finite, a hole.
    return steps.map(step => known.get(step));
  });
  return [steps, ...values];
}

function isAscending(steps: readonly number[]): boolean {
  return steps.every((step, index) => index === 0 || steps[index - 1] < step);
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}

/** Return a chart's options in the colours of the theme. */
export function chartOptions(lines: readonly ILine[], step: string, width: number, height: number): uPlot.Options {
  const theme = getComputedStyle(document.body);
  const colour = (name: string): string => theme.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: colour('--jp-ui-font-color1'),
    grid: { stroke: colour('--jp-border-color2'), width: 1 },
    ticks: { stroke: colour('--jp-border-color2'), width: 1 },
    incrs: STEPS,
    values: (_, ticks, __, ___, step) => tickLabels(ticks, step),
    font: `12px ${colour('--jp-ui-font-family') || 'sans-serif'}`
  };
  return {
    width,
    height,
    scales: { x: { time: false } },
    axes: [axis, { ...axis, size: axisWidth }],
    cursor: { points: { size: 7 } },
    series: [
      { label: step },
      ...lines.map(({ label }, index) => ({
        label,
        value: (_: uPlot, value: number | null) => (value === null ? '--' : measured(value)),
        stroke: colour(COLOURS[index % COLOURS.length]),
        dash: DASHES[index % DASHES.length],
        width: 2,
        // A line of one point is none: its point is drawn.
        points: { show: (plot: uPlot) => plot.data[0].length === 1, size: 7 }
      }))
    ]
  };
}
