import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReactNode } from 'react';

import { phaseIcons } from '../../icons';
import type { Condition, Job } from '../../types';
import { localTime, phaseWord } from '../common';

/** The job's submission and then its conditions, in the operator's order, as a timeline. */
export function Conditions({ job, trans }: { job: Job; trans: TranslationBundle }): JSX.Element {
  const { startedAt } = job.summary;
  // A batch/v1 Job has no condition that says that it runs.
  const isUntold = startedAt !== '' && job.conditions.every(({ type }) => type !== 'Running');
  return (
    <ol className="jp-mltrain-Timeline">
      <Moment shape="Queued" word={trans.__('Submitted')} time={job.summary.createdAt} />
      {isUntold && <Moment shape="Running" word={trans.__('Started')} time={startedAt} />}
      {job.conditions.map(condition => (
        <Held key={condition.type} condition={condition} trans={trans} />
      ))}
    </ol>
  );
}

/** A condition; what no longer holds says so. */
function Held({ condition, trans }: { condition: Condition; trans: TranslationBundle }): JSX.Element {
  const { type, status, reason, message, lastTransitionTime } = condition;
  const word = phaseWord(type, trans);
  return (
    <Moment
      shape={SHAPES[type] ?? type}
      word={status === 'True' ? word : trans.__('%1 (no longer)', word)}
      holds={status === 'True'}
      time={lastTransitionTime}
    >
      {message} {reason && <code>{reason}</code>}
    </Moment>
  );
}

/** The conditions of a batch/v1 Job that mean the same as one of the training operator's. */
const SHAPES: Readonly<Record<string, string>> = {
  Complete: 'Succeeded',
  SuccessCriteriaMet: 'Succeeded',
  FailureTarget: 'Failed'
};

function Moment(props: {
  shape: string;
  word: string;
  holds?: boolean;
  time: string;
  children?: ReactNode;
}): JSX.Element {
  const { shape, word, holds = true, time, children } = props;
  const Icon = phaseIcons[shape] ?? phaseIcons.Created;
  return (
    <li data-phase={holds ? shape : undefined}>
      <Icon.react tag="span" className="jp-mltrain-Timeline-icon" aria-hidden="true" width="12px" height="12px" />
      <span className="jp-mltrain-Timeline-word">{word}</span>
      <time dateTime={time}>{localTime(time)}</time>
      {children && <p>{children}</p>}
    </li>
  );
}
