import type uPlot from 'uplot';

import type { ISeries } from '../../services/metrics';

/** Colours of lines, told apart by people who see colours differently; each line has its dashes, too. */
const COLOURS = [
  '--jp-brand-color1',
  '--jp-warn-color1',
  '--jp-success-color1',
  '--jp-error-color1',
  '--jp-info-color1'
];
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

/**
 * Return the lines on one common, ascending axis of steps, as uPlot takes them: first the steps, then one list of
 * values for each line. A step that came twice - a replica was restarted - has its newest value.
 */
export function aligned(series: readonly ISeries[]): uPlot.AlignedData {
  const steps = [...new Set(series.flatMap(({ x }) => x))].sort((one, other) => one - other);
  const lines = series.map(({ x, y }) => {
    const values = new Map(x.map((step, index) => [step, y[index]]));
    // undefined: this line has no point here and goes on; null: a value that is not finite, a hole.
    return steps.map(step => values.get(step));
  });
  return [steps, ...lines];
}

/** Return a chart's options in the colours of the theme. */
export function chartOptions(series: readonly ISeries[], width: number, height: number): uPlot.Options {
  const theme = getComputedStyle(document.body);
  const colour = (name: string): string => theme.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: colour('--jp-ui-font-color1'),
    grid: { stroke: colour('--jp-border-color2'), width: 1 },
    ticks: { stroke: colour('--jp-border-color2'), width: 1 },
    font: `12px ${colour('--jp-ui-font-family') || 'sans-serif'}`
  };
  return {
    width,
    height,
    scales: { x: { time: false } },
    axes: [axis, { ...axis, size: 60 }],
    legend: { show: series.length > 1 },
    series: [
      {},
      ...series.map(({ replica }, index) => ({
        label: replica,
        stroke: colour(COLOURS[index % COLOURS.length]),
        dash: DASHES[index % DASHES.length],
        width: 2
      }))
    ]
  };
}
