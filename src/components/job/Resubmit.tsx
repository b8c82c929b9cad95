import { useState, type FormEvent } from 'react';

import { CommandIDs } from '../../commands';
import { TrainingError } from '../../request';
import { ErrorBanner } from '../common';
import type { ITabProps } from './JobView';

/** The values of the old run, to change and to submit again. */
export function Resubmit(props: ITabProps & { onClose: () => void }): JSX.Element {
  const { job, services, trans, onClose } = props;
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  const [error, setError] = useState<TrainingError | null>(null);
  const [isBusy, setBusy] = useState(false);

  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      const { id } = await services.manager.resubmit(job.summary.id, { texts });
      onClose();
      await services.commands.execute(CommandIDs.openJob, { id });
    } catch (thrown) {
      setError(TrainingError.from(thrown));
      setBusy(false);
    }
  };
  /** The form has all settings, and trains the notebook as it is now. */
  const openForm = (): void => {
    onClose();
    void services.commands.execute(CommandIDs.submit, { path: job.summary.notebook, job: job.summary.id });
  };
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    void submit();
  };

  return (
    <form className="jp-mltrain-Resubmit" aria-label={trans.__('Resubmit with changes')} onSubmit={onSubmit}>
      {Object.entries(job.texts).map(([name, text]) => (
        <label key={name}>
          <span>{name}</span>
          <input
            className="jp-mltrain-Input"
            value={texts[name] ?? text}
            spellCheck={false}
            aria-invalid={error?.field === name}
            onChange={({ target }) => setTexts({ ...texts, [name]: target.value })}
          />
        </label>
      ))}
      {Object.keys(job.parameters).length === 0 && <p>{trans.__('This run was given no parameters.')}</p>}
      <ErrorBanner error={error} trans={trans} />
      <div className="jp-mltrain-Resubmit-buttons">
        {job.summary.notebook && (
          <button type="button" className="jp-mltrain-Button" onClick={openForm}>
            {trans.__('Change more…')}
          </button>
        )}
        <button type="button" className="jp-mltrain-Button" onClick={onClose}>
          {trans.__('Dismiss')}
        </button>
        <button type="submit" className="jp-mltrain-Button jp-mod-accept" disabled={isBusy}>
          {trans.__('Resubmit')}
        </button>
      </div>
    </form>
  );
}
