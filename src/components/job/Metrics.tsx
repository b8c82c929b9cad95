import type { TranslationBundle } from '@jupyterlab/translation';
import { useState } from 'react';

import type { ISeries, MetricsModel } from '../../services/metrics';
import { Empty, ErrorBanner } from '../common';
import { useModel, useOwnModel } from '../hooks';
import { Chart } from './Chart';
import { aligned } from './chart-data';
import { measured } from './format';
import type { ITabProps } from './JobView';

/** Rows of a table: the newest. */
const ROWS = 100;

/** A chart for each metric that the job reports. */
export function Metrics(props: ITabProps): JSX.Element | null {
  const { job, services, trans } = props;
  const { manager } = services;
  const model = useOwnModel(() => manager.metrics(job.summary.id), [manager, job.summary.id]);
  return model && <Charts model={model} trans={trans} />;
}

function Charts({ model, trans }: { model: MetricsModel; trans: TranslationBundle }): JSX.Element {
  const { names, isReady, error } = useModel(model);
  if (names.length === 0) {
    return error ? (
      <ErrorBanner error={error} trans={trans} />
    ) : (
      <Empty title={isReady ? trans.__('No metrics have been reported yet.') : trans.__('Loading…')} />
    );
  }
  return (
    <div className="jp-mltrain-Metrics">
      <ErrorBanner error={error} trans={trans} />
      {names.map(name => (
        <Metric key={name} name={name} series={model.series(name)} trans={trans} />
      ))}
    </div>
  );
}

function Metric(props: { name: string; series: readonly ISeries[]; trans: TranslationBundle }): JSX.Element {
  const { name, series, trans } = props;
  const [isOpen, setOpen] = useState(false);
  const last = series[0]?.y.at(-1) ?? null;
  return (
    <figure className="jp-mltrain-Metric">
      <figcaption>
        <strong>{name}</strong> {measured(last)}
      </figcaption>
      <Chart series={series} label={trans.__('%1 by step, now %2', name, measured(last))} />
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>{trans.__('%1 as a table', name)}</summary>
        {isOpen && <SeriesTable series={series} name={name} trans={trans} />}
      </details>
    </figure>
  );
}

function SeriesTable(props: { series: readonly ISeries[]; name: string; trans: TranslationBundle }): JSX.Element {
  const { series, name, trans } = props;
  const [steps, ...lines] = aligned(series);
  const rows = Array.from(steps, (step, index) => [step, ...lines.map(line => line[index])] as const).slice(-ROWS);
  return (
    <table className="jp-mltrain-Table">
      <caption className="jp-mltrain-sr">{trans.__('The newest values of %1', name)}</caption>
      <thead>
        <tr>
          <th scope="col">{trans.__('Step')}</th>
          {series.map(({ replica }) => (
            <th key={replica} scope="col">
              {replica || trans.__('Value')}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.reverse().map(([step, ...values]) => (
          <tr key={step}>
            <th scope="row">{step}</th>
            {values.map((value, index) => (
              <td key={index}>{value === undefined ? '–' : measured(value)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
