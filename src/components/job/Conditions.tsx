import type { TranslationBundle } from '@jupyterlab/translation';

import type { Condition } from '../../types';
import { StateIcon } from '../common';
import { localTime } from './format';

/** The job's conditions as a timeline, in the operator's order. What no longer holds is said so. */
export function Conditions(props: { conditions: readonly Condition[]; trans: TranslationBundle }): JSX.Element {
  const { conditions, trans } = props;
  if (conditions.length === 0) {
    return <p className="jp-mltrain-Quiet">{trans.__('None yet.')}</p>;
  }
  return (
    <ol className="jp-mltrain-Timeline">
      {conditions.map(condition => (
        <li key={condition.type} data-status={condition.status}>
          <StateIcon phase={condition.type} trans={trans} />
          {condition.status !== 'True' && <span className="jp-mltrain-Quiet"> {trans.__('(no longer)')}</span>}
          <time dateTime={condition.lastTransitionTime}>{localTime(condition.lastTransitionTime)}</time>
          <p>
            {condition.reason && <code>{condition.reason}</code>} {condition.message}
          </p>
        </li>
      ))}
    </ol>
  );
}
