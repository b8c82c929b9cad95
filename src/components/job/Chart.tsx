import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import type uPlot from 'uplot';

import { aligned, chartOptions, type ILine } from './chart-data';

const HEIGHT = 200;

/** Metrics by step. The table beside it says the same to those who do not see it. */
export function Chart(props: { lines: readonly ILine[]; label: string; step: string }): JSX.Element {
  const { lines, label, step } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const labels = lines.map(line => line.label).join('\n');
  const data = useMemo(() => aligned(lines), [lines]);
  const newest = useRef({ lines, data });

  useEffect(() => {
    newest.current = { lines, data };
    if (plot.current) {
      refill(plot.current, data);
    }
  }, [lines, data]);

  // Anew for other lines and for another theme: uPlot's options are fixed.
  useEffect(() => {
    const node = host.current!;
    let isWanted = true;
    void import('uplot').then(({ default: UPlot }) => {
      if (isWanted) {
        const options = chartOptions(newest.current.lines, step, node.clientWidth, HEIGHT);
        plot.current = new UPlot(options, newest.current.data, node);
      }
    });
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: node.clientWidth, height: HEIGHT }));
    observer.observe(node);
    return () => {
      isWanted = false;
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [theme, labels, step]);

  return <div ref={host} className="jp-mltrain-Chart" role="img" aria-label={label} />;
}

/** Show new values; who has zoomed in stays where he is. */
function refill(plot: uPlot, data: uPlot.AlignedData): void {
  const { min, max } = plot.scales.x;
  const [steps] = plot.data;
  const isWhole = steps.length < 2 || (min! <= steps[0] && max! >= steps[steps.length - 1]);
  plot.setData(data, isWhole);
  if (!isWhole) {
    plot.redraw();
  }
}

/** Return the name of Lab's theme, anew when another was chosen. */
function useTheme(): string {
  return useSyncExternalStore(onTheme, () => document.body.dataset.jpThemeName ?? '');
}

function onTheme(notify: () => void): () => void {
  const observer = new MutationObserver(notify);
  observer.observe(document.body, { attributeFilter: ['data-jp-theme-name'] });
  return () => observer.disconnect();
}
