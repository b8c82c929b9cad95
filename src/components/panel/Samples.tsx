import type { TranslationBundle } from '@jupyterlab/translation';
import { runIcon } from '@jupyterlab/ui-components';
import { useState, type ReactNode } from 'react';

import { CommandIDs } from '../../commands';
import type { IServices } from '../../tokens';
import type { Sample } from '../../types';

/** The samples of the server: each can be opened, and run, by one click. */
export function Samples(props: {
  samples: readonly Sample[];
  services: IServices;
  trans: TranslationBundle;
}): JSX.Element {
  const { samples, services, trans } = props;
  return (
    <ul className="jp-mltrain-Samples">
      {samples.map(sample => (
        <SampleItem key={sample.name} sample={sample} services={services} trans={trans} />
      ))}
    </ul>
  );
}

function SampleItem(props: { sample: Sample; services: IServices; trans: TranslationBundle }): JSX.Element {
  const { sample, services, trans } = props;
  const { name, title, summary, available, why } = sample;
  const [busy, run] = useBusy();
  const execute = (command: string): void => run(() => services.commands.execute(command, { name }));
  return (
    <li>
      <div className="jp-mltrain-Samples-line">
        <span className="jp-mltrain-Samples-title" title={summary}>
          {title}
        </span>
        <SampleButton
          label={trans.__('Open %1', title)}
          isDisabled={busy}
          onClick={() => execute(CommandIDs.openSample)}
        >
          {trans.__('Open')}
        </SampleButton>
        <SampleButton
          label={trans.__('Run %1', title)}
          isDisabled={busy || !available}
          onClick={() => execute(CommandIDs.runSample)}
        >
          <runIcon.react tag="span" aria-hidden="true" width="16px" height="16px" />
          <span className="jp-mltrain-Samples-word">{trans.__('Run')}</span>
        </SampleButton>
      </div>
      {!available && <p className="jp-mltrain-Samples-why">{why}</p>}
    </li>
  );
}

/** Not `disabled`: the button keeps the focus, and a screen reader finds it. */
function SampleButton(props: {
  label: string;
  isDisabled: boolean;
  onClick: () => void;
  children: ReactNode;
}): JSX.Element {
  const { label, isDisabled, onClick, children } = props;
  return (
    <button
      type="button"
      className="jp-mltrain-IconButton"
      title={label}
      aria-label={label}
      aria-disabled={isDisabled}
      onClick={() => !isDisabled && onClick()}
    >
      {children}
    </button>
  );
}

/** Whether something that was begun has not ended yet. */
export function useBusy(): [isBusy: boolean, run: (act: () => Promise<unknown>) => void] {
  const [isBusy, setBusy] = useState(false);
  const run = (act: () => Promise<unknown>): void => {
    setBusy(true);
    void act().finally(() => setBusy(false));
  };
  return [isBusy, run];
}
