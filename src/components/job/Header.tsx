import type { TranslationBundle } from '@jupyterlab/translation';
import { useRef, useState } from 'react';

import type { JobSummary } from '../../types';
import { Elapsed, phaseWord, StateIcon } from '../common';
import { Actions } from './Actions';
import { imageOf, shortImage } from './image';
import type { ITabProps } from './JobView';
import { Resubmit } from './Resubmit';
import { whySentence } from './why';

/** What the job is, how far it has come, and what can be done with it. */
export function Header(props: ITabProps & { isDeleted: boolean }): JSX.Element {
  const { job, trans, isDeleted } = props;
  const { name, kind, phase, createdAt, startedAt, finishedAt, progress, finished } = job.summary;
  const [isChanging, setChanging] = useState(false);
  const changer = useRef<HTMLButtonElement>(null);
  const image = imageOf(job);
  const stopChanging = (): void => {
    setChanging(false);
    changer.current?.focus();
  };
  return (
    <div className="jp-mltrain-JobHeader">
      <div className="jp-mltrain-JobHeader-line">
        <StateIcon phase={phase} trans={trans} />
        <h2 className="jp-mltrain-JobHeader-name">{name}</h2>
        <span className="jp-mltrain-JobHeader-kind">{kind}</span>
        <Elapsed since={startedAt || createdAt} until={finishedAt} />
        {image && (
          <code className="jp-mltrain-JobHeader-image" title={image}>
            {shortImage(image)}
          </code>
        )}
      </div>
      {progress && !finished && <ProgressBar progress={progress} trans={trans} />}
      {!isDeleted && (
        <Actions {...props} changer={changer} isChanging={isChanging} onChange={() => setChanging(!isChanging)} />
      )}
      {isChanging && <Resubmit {...props} onClose={stopChanging} />}
      <p className="jp-mltrain-sr" role="status">
        {announcement(job.summary, trans)}
      </p>
    </div>
  );
}

/** What a screen reader is told when the state changes. Not each cell: that the job runs is said once. */
function announcement(job: JobSummary, trans: TranslationBundle): string {
  const word = phaseWord(job.phase, trans);
  return job.phase === 'Running' ? word : `${word}. ${whySentence(job, trans)}`;
}

function ProgressBar(props: { progress: NonNullable<JobSummary['progress']>; trans: TranslationBundle }): JSX.Element {
  const { progress, trans } = props;
  const words = trans.__('%1 of %2 cells done', progress.done, progress.total);
  return (
    <div className="jp-mltrain-JobHeader-progress">
      <progress max={1} value={progress.fraction} aria-label={trans.__('Progress')} aria-valuetext={words} />
      <span>{`${words} · ${Math.round(progress.fraction * 100)}%`}</span>
      {progress.title && <code title={progress.title}>{progress.title}</code>}
    </div>
  );
}
