import type { TranslationBundle } from '@jupyterlab/translation';
import { ellipsesIcon, type LabIcon } from '@jupyterlab/ui-components';
import { memo, type CSSProperties, type MouseEvent, type Ref } from 'react';

import type { JobSummary } from '../../types';
import { Elapsed, localTime, StateIcon } from '../common';
import { whySentence } from '../job/why';
import { actionIcons, actionWord, quickActions, type Action } from './actions';
import { cellWords, dayWords, metricWords, nameTitle, replicaWords, rowWords } from './words';

/** What can happen in a row. The same functions for all rows, so that a row is drawn again only if it has changed. */
export interface IRowEvents {
  onAction: (action: Action, job: JobSummary) => void;
  onLog: (job: JobSummary) => void;
  onRaise: (job: JobSummary) => void;
  onMenu: (job: JobSummary, x: number, y: number) => void;
}

interface IRowProps {
  job: JobSummary;
  index: number;
  /** Distance from the top of the list in pixels. */
  start: number;
  isActive: boolean;
  isHovered: boolean;
  isSelected: boolean;
  /** The clock stands still: nobody looks. */
  paused: boolean;
  /** Measures the row's height. */
  measure: Ref<HTMLDivElement>;
  events: IRowEvents;
  trans: TranslationBundle;
}

/** One job in the list. */
export const JobRow = memo(function JobRow(props: IRowProps): JSX.Element {
  const { job, index, start, isActive, isHovered, isSelected, paused, measure, events, trans } = props;
  const style: CSSProperties = { transform: `translateY(${start}px)` };
  return (
    <div
      ref={measure}
      role="row"
      className="jp-mltrain-JobRow"
      style={style}
      data-index={index}
      data-id={job.id}
      data-phase={job.phase}
      aria-label={rowWords(job, trans)}
      aria-rowindex={index + 1}
      aria-selected={isSelected}
      tabIndex={isActive ? 0 : -1}
    >
      <div role="gridcell" className="jp-mltrain-JobRow-main">
        <div className="jp-mltrain-JobRow-line">
          <StateIcon phase={job.phase} trans={trans} bare />
          <Name job={job} />
          <span className="jp-mltrain-JobRow-kind">{job.kind}</span>
          <When job={job} paused={paused} trans={trans} />
        </div>
        <Details {...props} />
      </div>
      <div role="gridcell" className="jp-mltrain-JobRow-actions">
        {/* Not in all rows: their icons are most of what a row costs while thousands of them fly by. */}
        {(isActive || isHovered) && <QuickActions job={job} isActive={isActive} events={events} trans={trans} />}
      </div>
    </div>
  );
});

/** Characters at a name's end that are always to be seen: the hyphen and the hash that tell one job from the next. */
const TAIL = 9;

/** The job's name; where it is too long, its middle is cut. */
function Name({ job }: Pick<IRowProps, 'job'>): JSX.Element {
  return (
    <span className="jp-mltrain-JobRow-name" title={nameTitle(job)}>
      <span>{job.name.slice(0, -TAIL)}</span>
      <span>{job.name.slice(-TAIL)}</span>
    </span>
  );
}

/** How long a job has run, or on which day it ended. */
function When({ job, paused, trans }: Pick<IRowProps, 'job' | 'paused' | 'trans'>): JSX.Element {
  const { createdAt, startedAt, finishedAt } = job;
  const since = startedAt || createdAt;
  const day = finishedAt && dayWords(finishedAt, new Date(), trans);
  const title = finishedAt
    ? trans.__('Ended %1', localTime(finishedAt))
    : startedAt
      ? trans.__('Started %1', localTime(startedAt))
      : trans.__('Submitted %1', localTime(createdAt));
  return (
    <span className="jp-mltrain-JobRow-when" title={title}>
      {day ? <time dateTime={finishedAt}>{day}</time> : <Elapsed since={since} until={finishedAt} paused={paused} />}
    </span>
  );
}

/** What more there is to say: of a running job how far it is, of one that failed why. */
function Details(props: IRowProps): JSX.Element | null {
  const { job, trans } = props;
  switch (job.phase) {
    case 'Running':
      return <Run job={job} trans={trans} />;
    case 'Failed':
      return <Failure {...props} />;
    case 'Succeeded':
    case 'Cancelled':
      return job.finished || !job.why ? null : <p className="jp-mltrain-JobRow-why">{job.why}</p>;
    default:
      return <p className="jp-mltrain-JobRow-why">{whySentence(job, trans)}</p>;
  }
}

function Run({ job, trans }: Pick<IRowProps, 'job' | 'trans'>): JSX.Element {
  const { progress } = job;
  const percent = progress ? Math.round(progress.fraction * 100) : 0;
  const metric = metricWords(job);
  return (
    <>
      <div className="jp-mltrain-JobRow-line jp-mltrain-JobRow-facts">
        <span className="jp-mltrain-JobRow-replicas">{replicaWords(job)}</span>
        {progress && (
          <span className="jp-mltrain-JobRow-progress">
            <span title={progress.title}>{cellWords(progress, trans)}</span>
            <span className="jp-mltrain-JobRow-percent">{`${percent}%`}</span>
          </span>
        )}
      </div>
      {(progress || metric) && (
        <div className="jp-mltrain-JobRow-line jp-mltrain-JobRow-facts">
          {progress && (
            <div
              className="jp-mltrain-JobRow-bar"
              role="progressbar"
              aria-label={trans.__('Progress of %1', job.name)}
              aria-valuenow={percent}
              aria-valuetext={trans.__('%1 of %2 cells done', progress.done, progress.total)}
            >
              <div style={{ transform: `scaleX(${progress.fraction})` }} />
            </div>
          )}
          {metric && (
            <span className="jp-mltrain-JobRow-metric" title={metric.join(' ')}>
              <span>{metric[0]}</span> <span>{metric[1]}</span>
            </span>
          )}
        </div>
      )}
    </>
  );
}

function Failure({ job, isActive, events, trans }: IRowProps): JSX.Element {
  const tabIndex = isActive ? 0 : -1;
  return (
    <>
      <p className="jp-mltrain-JobRow-why" title={job.why}>
        {whySentence(job, trans)}
      </p>
      <div className="jp-mltrain-JobRow-fixes">
        {job.outOfMemory && (
          <button
            type="button"
            className="jp-mltrain-Button"
            tabIndex={tabIndex}
            aria-label={trans.__('Raise memory of %1', job.name)}
            onClick={() => events.onRaise(job)}
          >
            {trans.__('Raise memory')}
          </button>
        )}
        <button
          type="button"
          className="jp-mltrain-Button"
          tabIndex={tabIndex}
          aria-label={trans.__('Log of %1', job.name)}
          onClick={() => events.onLog(job)}
        >
          {trans.__('Log')}
        </button>
      </div>
    </>
  );
}

function QuickActions(props: Pick<IRowProps, 'job' | 'isActive' | 'events' | 'trans'>): JSX.Element {
  const { job, isActive, events, trans } = props;
  const shared = { name: job.name, isActive };
  const openMenu = ({ currentTarget }: MouseEvent<HTMLElement>): void => {
    const { left, bottom } = currentTarget.getBoundingClientRect();
    events.onMenu(job, left, bottom);
  };
  return (
    <>
      {quickActions(job).map(action => (
        <RowButton
          key={action}
          {...shared}
          word={actionWord(action, trans)}
          icon={actionIcons[action]}
          onClick={() => events.onAction(action, job)}
        />
      ))}
      <RowButton {...shared} word={trans.__('More')} icon={ellipsesIcon} isMenu onClick={openMenu} />
    </>
  );
}

function RowButton(props: {
  word: string;
  name: string;
  icon: LabIcon;
  isActive: boolean;
  isMenu?: boolean;
  onClick: (event: MouseEvent<HTMLElement>) => void;
}): JSX.Element {
  const { word, name, icon: Icon, isActive, isMenu, onClick } = props;
  return (
    <button
      type="button"
      className="jp-mltrain-IconButton"
      tabIndex={isActive ? 0 : -1}
      title={word}
      aria-label={`${word} ${name}`}
      aria-haspopup={isMenu ? 'menu' : undefined}
      onClick={onClick}
    >
      <Icon.react tag="span" aria-hidden="true" width="16px" height="16px" />
    </button>
  );
}
