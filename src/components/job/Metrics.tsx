import type { TranslationBundle } from '@jupyterlab/translation';
import { useMemo, useState } from 'react';

import type { MetricsModel } from '../../services/metrics';
import { Empty, ErrorBanner, measured, seconds } from '../common';
import { useModel, useOwnModel } from '../hooks';
import { Chart } from './Chart';
import { aligned, chartsOf, linesOf, type ILine } from './chart-data';
import type { ITabProps } from './JobView';

/** Rows of a table: the newest. */
const ROWS = 100;

/** A chart for each metric that the job reports. */
export function Metrics(props: ITabProps): JSX.Element | null {
  const { job, services } = props;
  const { manager } = services;
  const model = useOwnModel(() => manager.metrics(job.summary.id), [manager, job.summary.id]);
  return model && <Charts {...props} model={model} />;
}

function Charts({ model, job, trans }: ITabProps & { model: MetricsModel }): JSX.Element {
  const { names, isReady, error, revision } = useModel(model);
  const charts = useMemo(
    () => chartsOf(model.names).map(group => group.flatMap(name => linesOf(name, model.series(name)))),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what the model has changes with its revision
    [model, revision]
  );
  if (names.length === 0) {
    return error ? (
      <ErrorBanner error={error} trans={trans} />
    ) : (
      <NoMetrics job={job} isReady={isReady} trans={trans} />
    );
  }
  const pace = model.secondsPerStep;
  return (
    <>
      <ErrorBanner error={error} trans={trans} />
      <div className="jp-mltrain-Bar">
        <span>{trans._n('%1 report', '%1 reports', model.points.length)}</span>
        {pace !== null && <span>{trans.__('%1 per step', seconds(pace))}</span>}
      </div>
      <div className="jp-mltrain-Metrics">
        {charts.map(lines => (
          <MetricChart key={lines[0].label} lines={lines} trans={trans} />
        ))}
      </div>
    </>
  );
}

function NoMetrics({ job, isReady, trans }: Omit<ITabProps, 'services'> & { isReady: boolean }): JSX.Element {
  if (!isReady) {
    return <Empty title={trans.__('Loading…')} />;
  }
  return (
    <Empty title={job.summary.finished ? trans.__('No metrics were reported.') : trans.__('No metrics yet.')}>
      <p>{trans.__('A notebook reports them like this:')}</p>
      <pre className="jp-mltrain-Code">{EXAMPLE}</pre>
    </Empty>
  );
}

const EXAMPLE = 'from jupyter_mltrain import run\nrun.report(step=step, loss=loss, val_loss=val_loss)';

function MetricChart({ lines, trans }: { lines: readonly ILine[]; trans: TranslationBundle }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const newest = lines.map(({ label, y }) => `${label} ${measured(y.at(-1) ?? null)}`).join(', ');
  return (
    <figure className="jp-mltrain-Metric">
      <figcaption>
        {lines.map(({ label, y }) => (
          <span key={label}>
            <strong>{label}</strong> {measured(y.at(-1) ?? null)}
          </span>
        ))}
      </figcaption>
      <Chart lines={lines} step={trans.__('step')} label={trans.__('By step; now %1', newest)} />
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>{trans.__('%1 as a table', lines.map(({ label }) => label).join(', '))}</summary>
        {isOpen && <LinesTable lines={lines} trans={trans} />}
      </details>
    </figure>
  );
}

function LinesTable({ lines, trans }: { lines: readonly ILine[]; trans: TranslationBundle }): JSX.Element {
  const [steps, ...values] = aligned(lines);
  const rows = Array.from(steps, (step, index) => [step, ...values.map(line => line[index])] as const).slice(-ROWS);
  return (
    <table className="jp-mltrain-Table">
      <caption className="jp-mltrain-sr">{trans.__('The newest values')}</caption>
      <thead>
        <tr>
          <th scope="col">{trans.__('Step')}</th>
          {lines.map(({ label }) => (
            <th key={label} scope="col">
              {label}
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
