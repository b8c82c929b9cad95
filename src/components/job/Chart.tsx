import { useEffect, useRef, useSyncExternalStore } from 'react';
import type uPlot from 'uplot';

import type { ISeries } from '../../services/metrics';
import { aligned, chartOptions } from './chart-data';

const HEIGHT = 200;

/** A metric by step. The table beside it says the same to those who do not see it. */
export function Chart(props: { series: readonly ISeries[]; label: string }): JSX.Element {
  const { series, label } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const newest = useRef(series);
  const theme = useTheme();
  const lines = series.map(({ replica }) => replica).join('\n');

  useEffect(() => {
    newest.current = series;
    plot.current?.setData(aligned(series));
  }, [series]);

  // Anew for other lines and for another theme: uPlot's options are fixed.
  useEffect(() => {
    const node = host.current!;
    let isWanted = true;
    void import('uplot').then(({ default: UPlot }) => {
      if (isWanted) {
        const options = chartOptions(newest.current, node.clientWidth, HEIGHT);
        plot.current = new UPlot(options, aligned(newest.current), node);
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
  }, [theme, lines]);

  return <div ref={host} className="jp-mltrain-Chart" role="img" aria-label={label} />;
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
