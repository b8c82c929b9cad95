import { StateIcon } from '../common';
import { Conditions } from './Conditions';
import { CopyButton } from './CopyButton';
import { Facts, isFilled, Values } from './Facts';
import { localTime, measured } from './format';
import type { ITabProps } from './JobView';
import { ReplicaTable } from './ReplicaTable';
import { whySentence } from './why';

/** How it stands, at one glance, and why. */
export function Overview(props: ITabProps & { onLog: (replica: string) => void }): JSX.Element {
  const { job, trans, onLog } = props;
  const { summary, replicas } = job;
  const failed = replicas.find(replica => replica.phase === 'Failed');
  return (
    <div className="jp-mltrain-Overview">
      <div className="jp-mltrain-Why" data-phase={summary.phase}>
        <StateIcon phase={summary.phase} trans={trans} bare />
        <p aria-live="polite">{whySentence(summary, trans)}</p>
        {failed && (
          <button type="button" className="jp-mltrain-Button" onClick={() => onLog(failed.name)}>
            {trans.__('Log of %1', failed.name)}
          </button>
        )}
      </div>
      <section>
        <h3>{trans.__('Conditions')}</h3>
        <Conditions conditions={job.conditions} trans={trans} />
      </section>
      <section>
        <h3>{trans.__('Replicas')}</h3>
        <ReplicaTable replicas={replicas} trans={trans} onLog={onLog} />
      </section>
      <section>
        <h3>{trans.__('Job')}</h3>
        <JobFacts {...props} />
      </section>
    </div>
  );
}

function JobFacts({ job, trans }: ITabProps): JSX.Element {
  const { summary, outputs, parameters } = job;
  const metrics = Object.entries(summary.metrics).map(([name, value]) => `${name} ${measured(value)}`);
  return (
    <Facts
      facts={[
        [trans.__('Notebook'), summary.notebook],
        [trans.__('Where'), [summary.backend, summary.namespace].filter(Boolean).join(' / ')],
        [trans.__('Submitted'), localTime(summary.createdAt)],
        [trans.__('Started'), localTime(summary.startedAt)],
        [trans.__('Finished'), localTime(summary.finishedAt)],
        [trans.__('Newest metrics'), metrics.join(' · ')],
        [trans.__('Parameters'), isFilled(parameters) && <Values values={parameters} />],
        [
          trans.__('Outputs'),
          outputs && (
            <>
              <code>{outputs}</code> <CopyButton text={outputs} what={trans.__('outputs')} trans={trans} />
            </>
          )
        ]
      ]}
    />
  );
}
