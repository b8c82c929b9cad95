import type { TranslationBundle } from '@jupyterlab/translation';

import type { Replica } from '../../types';
import { Elapsed } from '../common';
import { bytes } from './format';

/** The replicas, by role and index. */
export function ReplicaTable(props: {
  replicas: readonly Replica[];
  trans: TranslationBundle;
  onLog: (replica: string) => void;
}): JSX.Element {
  const { replicas, trans, onLog } = props;
  if (replicas.length === 0) {
    return <p className="jp-mltrain-Quiet">{trans.__('None yet.')}</p>;
  }
  const heads = [
    trans.__('Replica'),
    trans.__('Phase'),
    trans.__('Time'),
    trans.__('Restarts'),
    trans.__('Exit code'),
    trans.__('Node'),
    trans.__('GPU'),
    trans.__('Peak memory'),
    trans.__('Log')
  ];
  return (
    <div className="jp-mltrain-Scroll" role="region" aria-label={trans.__('Replicas')} tabIndex={0}>
      <table className="jp-mltrain-Table">
        <thead>
          <tr>
            {heads.map(head => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {byRole(replicas).map(replica => (
            <Row key={replica.name} replica={replica} trans={trans} onLog={onLog} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row(props: { replica: Replica; trans: TranslationBundle; onLog: (name: string) => void }): JSX.Element {
  const { replica, trans, onLog } = props;
  const { name, role, index, phase, reason, message } = replica;
  const title = `${role} ${index}`;
  return (
    <tr data-phase={phase}>
      <th scope="row" title={name}>
        {title}
        {replica.leader && <span className="jp-mltrain-Quiet"> {trans.__('(leader)')}</span>}
      </th>
      <td title={message}>{[phase, reason].filter(Boolean).join(': ')}</td>
      <td>
        <Elapsed since={replica.startedAt} until={replica.finishedAt} />
      </td>
      <td>{replica.restarts}</td>
      <td>{replica.exitCode ?? '–'}</td>
      <td>{replica.node || '–'}</td>
      <td>{replica.devices.join(', ') || '–'}</td>
      <td>{replica.peakMemory === null ? '–' : bytes(replica.peakMemory)}</td>
      <td>
        <button
          type="button"
          className="jp-mltrain-Button"
          aria-label={trans.__('Log of %1', title)}
          onClick={() => onLog(name)}
        >
          {trans.__('Log')}
        </button>
      </td>
    </tr>
  );
}

function byRole(replicas: readonly Replica[]): Replica[] {
  return [...replicas].sort((one, other) => one.role.localeCompare(other.role) || one.index - other.index);
}
