import { localTime, measured, StateIcon } from '../common';
import { raiseMemory } from '../panel/raise';
import { Conditions } from './Conditions';
import { CopyButton } from './CopyButton';
import { Facts, isFilled, Values } from './Facts';
import { imageOf } from './image';
import type { ITabProps } from './JobView';
import { byRole, culpritOf, replicaTitle } from './replicas';
import { ReplicaTable } from './ReplicaTable';
import { whySentence } from './why';

type IOverviewProps = ITabProps & { onLog: (replica: string) => void };

/** How it stands, at one glance, and why. */
export function Overview(props: IOverviewProps): JSX.Element {
  const { job, trans, onLog } = props;
  return (
    <div className="jp-mltrain-Overview">
      <Why {...props} />
      <section>
        <h3>{trans.__('Conditions')}</h3>
        <Conditions job={job} trans={trans} />
      </section>
      <section>
        <h3>{trans.__('Replicas')}</h3>
        <ReplicaTable job={job.summary} replicas={job.replicas} trans={trans} onLog={onLog} />
      </section>
      <section>
        <h3>{trans.__('Job')}</h3>
        <JobFacts {...props} />
      </section>
    </div>
  );
}

/** One sentence, and what can be done about it. */
function Why({ job, services, trans, onLog }: IOverviewProps): JSX.Element {
  const { summary } = job;
  const replicas = byRole(job.replicas);
  // A job that went well may have replicas that were stopped when it was done.
  const failed = summary.phase === 'Failed' || summary.phase === 'Restarting' ? culpritOf(replicas) : undefined;
  return (
    <div className="jp-mltrain-Why" data-phase={summary.phase}>
      <StateIcon phase={summary.phase} trans={trans} bare />
      <p>{whySentence(summary, trans)}</p>
      {summary.outOfMemory && (
        <button type="button" className="jp-mltrain-Button" onClick={() => void raiseMemory(services, summary, trans)}>
          {trans.__('Raise Memory…')}
        </button>
      )}
      {failed && (
        <button type="button" className="jp-mltrain-Button" onClick={() => onLog(failed.name)}>
          {trans.__('Log of %1', replicaTitle(failed, replicas.indexOf(failed)))}
        </button>
      )}
    </div>
  );
}

function JobFacts({ job, trans }: ITabProps): JSX.Element {
  const { summary, outputs, parameters, texts } = job;
  const metrics = Object.entries(summary.metrics).map(([name, value]) => `${name} ${measured(value)}`);
  const image = imageOf(job);
  return (
    <Facts
      facts={[
        [trans.__('Notebook'), summary.notebook],
        [trans.__('Where'), [summary.backend, summary.namespace].filter(Boolean).join(' / ')],
        [trans.__('Image'), image && <code>{image}</code>],
        [trans.__('Started'), localTime(summary.startedAt)],
        [trans.__('Finished'), localTime(summary.finishedAt)],
        [trans.__('Newest metrics'), metrics.join(' · ')],
        [trans.__('Parameters'), isFilled(parameters) && <Values values={parameters} texts={texts} />],
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
