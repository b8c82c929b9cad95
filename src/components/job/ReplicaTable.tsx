import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactNode } from 'react';

import type { JobSummary, Replica } from '../../types';
import { bytes, Elapsed, StateIcon } from '../common';
import { byRole, replicaTitle, wasStopped } from './replicas';

interface IRowProps {
  replica: Replica;
  job: JobSummary;
  title: string;
  trans: TranslationBundle;
  onLog: (replica: string) => void;
}

/** The replicas, by role and index. */
export function ReplicaTable(props: {
  job: JobSummary;
  replicas: readonly Replica[];
  trans: TranslationBundle;
  onLog: (replica: string) => void;
}): JSX.Element {
  const { job, replicas, trans, onLog } = props;
  if (replicas.length === 0) {
    return <p className="jp-mltrain-Quiet">{trans.__('None yet.')}</p>;
  }
  const hasGpus = replicas.some(({ devices }) => devices.length > 0);
  const columns = columnsOf(hasGpus, trans);
  return (
    <div className="jp-mltrain-Scroll" role="region" aria-label={trans.__('Replicas')} tabIndex={0}>
      <table className="jp-mltrain-Table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Replica')}</th>
            <th scope="col">{trans.__('Log')}</th>
            <th scope="col">{trans.__('Phase')}</th>
            {columns.map(({ head }) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {byRole(replicas).map((replica, place) => (
            <Row
              key={replica.name}
              job={job}
              replica={replica}
              title={replicaTitle(replica, place)}
              columns={columns}
              trans={trans}
              onLog={onLog}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface IColumn {
  head: string;
  /** Nothing where the backend does not know. */
  cell: (replica: Replica) => ReactNode;
}

function columnsOf(hasGpus: boolean, trans: TranslationBundle): readonly IColumn[] {
  return [
    {
      head: trans.__('Time'),
      cell: ({ startedAt, finishedAt }) => startedAt && <Elapsed since={startedAt} until={finishedAt} />
    },
    { head: trans.__('Restarts'), cell: ({ restarts }) => restarts },
    { head: trans.__('Exit code'), cell: ({ exitCode }) => exitCode },
    { head: trans.__('Peak memory'), cell: ({ peakMemory }) => (peakMemory === null ? null : bytes(peakMemory)) },
    ...(hasGpus ? [{ head: trans.__('GPU'), cell: ({ devices }: Replica) => devices.join(', ') }] : []),
    { head: trans.__('Node'), cell: ({ node }) => node }
  ];
}

function Row(props: IRowProps & { columns: readonly IColumn[] }): JSX.Element {
  const { job, replica, title, columns, trans, onLog } = props;
  return (
    <tr data-phase={replica.phase}>
      <th scope="row" title={replica.name}>
        {title}
        {replica.leader && <span className="jp-mltrain-Quiet"> {trans.__('(leader)')}</span>}
      </th>
      <td>
        <button
          type="button"
          className="jp-mltrain-LinkButton"
          aria-label={trans.__('Log of %1', title)}
          onClick={() => onLog(replica.name)}
        >
          {trans.__('Log')}
        </button>
      </td>
      <td className="jp-mltrain-Table-text">
        {wasStopped(replica, job) ? (
          <StateIcon phase="Cancelled" word={trans.__('Stopped')} trans={trans} />
        ) : (
          <StateIcon phase={replica.phase} trans={trans} />
        )}
        <Cause replica={replica} />
      </td>
      {columns.map(({ head, cell }) => (
        <td key={head}>{shown(cell(replica))}</td>
      ))}
    </tr>
  );
}

/** Why a replica is as it is, where that says more than its phase. */
function Cause({ replica: { phase, reason, message } }: { replica: Replica }): JSX.Element | null {
  const said = phase === 'Succeeded' ? '' : [reason !== 'Error' && reason, message].filter(Boolean).join(': ');
  return said ? <p className="jp-mltrain-Quiet">{said}</p> : null;
}

const shown = (value: ReactNode): ReactNode => (value === null || value === '' ? '–' : value);
