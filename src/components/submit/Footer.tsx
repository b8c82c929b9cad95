import type { TranslationBundle } from '@jupyterlab/translation';
import { useId } from 'react';

import type { BackendInfo } from '../../types';
import { ErrorBanner, errorWords } from '../common';
import { useModel } from '../hooks';
import type { Obstacle, SubmitModel } from './model';

/** The button that submits, and why it does not. Always to be seen. */
export function Footer(props: {
  model: SubmitModel;
  trans: TranslationBundle;
  /** Where the job would run, if that cannot be reached. */
  unreachable: BackendInfo | null;
  onForce: () => void;
  onOpen: (id: string) => void;
  onChecks: () => void;
}): JSX.Element {
  const { model, trans, unreachable, onForce, onOpen, onChecks } = props;
  const { obstacle, refusal, submitted, stays, isPlanning, isSubmitting } = useModel(model);
  const id = useId();
  const why = unreachable && obstacle === null ? unreachable.why : obstacleWords(obstacle, trans);
  // Where it belongs to fields, it is told there.
  const banner = refusal && !model.problems.some(({ field }) => field) ? refusal : null;
  return (
    <div className="jp-mltrain-SubmitFooter">
      <ErrorBanner error={banner} trans={trans} />
      <div className="jp-mltrain-SubmitFooter-line">
        <button
          type="submit"
          className="jp-mltrain-Button jp-mod-accept jp-mltrain-SubmitFooter-submit"
          aria-disabled={why !== '' || undefined}
          aria-describedby={`${id}-why`}
          title={trans.__('Submit (Ctrl+Enter)')}
        >
          {isSubmitting ? trans.__('Submitting…') : trans.__('Submit')}
        </button>
        {obstacle?.kind === 'refused' && (
          <button type="button" className="jp-mltrain-Button" onClick={onForce}>
            {trans.__('Submit anyway')}
          </button>
        )}
        <p id={`${id}-why`} className="jp-mltrain-SubmitFooter-why" role="status" aria-live="polite">
          {submitted && !isSubmitting ? (
            <>
              {trans.__('%1 was submitted.', submitted.name)}{' '}
              <button type="button" className="jp-mltrain-Link" onClick={() => onOpen(submitted.id)}>
                {trans.__('Open')}
              </button>
            </>
          ) : (
            why || (isPlanning ? trans.__('Checking…') : trans.__('Ready'))
          )}
          {obstacle?.kind === 'refused' && (
            <button type="button" className="jp-mltrain-Link" onClick={onChecks}>
              {trans.__('Show the checks')}
            </button>
          )}
        </p>
        <label className="jp-mltrain-SubmitFooter-stays" title={trans.__('To submit another one with other values')}>
          <input type="checkbox" checked={stays} onChange={({ target }) => model.setStays(target.checked)} />
          {trans.__('Keep this form open')}
        </label>
      </div>
    </div>
  );
}

/** Return why it cannot be submitted, in words; `''`: it can. */
export function obstacleWords(obstacle: Obstacle | null, trans: TranslationBundle): string {
  switch (obstacle?.kind) {
    case 'submitting':
      return trans.__('On its way…');
    case 'problems':
      return trans._n('%1 field needs attention', '%1 fields need attention', obstacle.count);
    case 'error': {
      const { message, hint } = errorWords(obstacle.error, trans);
      return [message, hint].filter(Boolean).join(' ');
    }
    case 'refused':
      return trans._n(
        '%1 check says that it would fail.',
        '%1 checks say that it would fail.',
        obstacle.findings.length
      );
    default:
      return '';
  }
}
