import type { TranslationBundle } from '@jupyterlab/translation';

import { CommandIDs } from '../../commands';
import type { IServices } from '../../tokens';
import type { Sample } from '../../types';
import { Empty } from '../common';
import { useBusy } from './Samples';

/** What this is, for those who see it for the first time, and a way to begin. */
export function FirstTime(props: {
  samples: readonly Sample[] | null;
  services: IServices;
  trans: TranslationBundle;
}): JSX.Element {
  const { samples, services, trans } = props;
  const [busy, run] = useBusy();
  const sample = samples?.find(({ available }) => available);
  return (
    <Empty title={trans.__('No training jobs yet')}>
      <p>
        {trans.__(
          'A training job runs a notebook to its end, on this machine or on a cluster, also while JupyterLab is closed. Here you watch each job cell by cell until its executed notebook and its model are there.'
        )}
      </p>
      <div className="jp-mltrain-Empty-buttons">
        {sample && (
          <button
            type="button"
            className="jp-mltrain-Button jp-mod-accept"
            aria-disabled={busy}
            onClick={() => !busy && run(() => services.commands.execute(CommandIDs.runSample, { name: sample.name }))}
          >
            {trans.__('Run the sample %1', sample.title)}
          </button>
        )}
        <button
          type="button"
          className="jp-mltrain-Button"
          onClick={() => void services.commands.execute(CommandIDs.submit)}
        >
          {trans.__('Submit a notebook')}
        </button>
      </div>
    </Empty>
  );
}

/** Said where the filter lets no job through. */
export function NoMatch(props: { onClear: () => void; trans: TranslationBundle }): JSX.Element {
  const { onClear, trans } = props;
  return (
    <Empty title={trans.__('No job matches')}>
      <button type="button" className="jp-mltrain-Button" onClick={onClear}>
        {trans.__('Clear filters')}
      </button>
    </Empty>
  );
}
