import type { TranslationBundle } from '@jupyterlab/translation';
import { notebookIcon, runIcon, type LabIcon } from '@jupyterlab/ui-components';
import { useState } from 'react';

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
          word={trans.__('Open')}
          label={trans.__('Open %1', title)}
          icon={notebookIcon}
          isDisabled={busy}
          onClick={() => execute(CommandIDs.openSample)}
        />
        <SampleButton
          word={trans.__('Run')}
          label={trans.__('Run %1', title)}
          icon={runIcon}
          isDisabled={busy || !available}
          onClick={() => execute(CommandIDs.runSample)}
        />
      </div>
      {!available && <p className="jp-mltrain-Samples-why">{why}</p>}
    </li>
  );
}

/** Not `disabled`: the button keeps the focus, and a screen reader finds it. */
function SampleButton(props: {
  word: string;
  label: string;
  icon: LabIcon;
  isDisabled: boolean;
  onClick: () => void;
}): JSX.Element {
  const { word, label, icon: Icon, isDisabled, onClick } = props;
  return (
    <button
      type="button"
      className="jp-mltrain-IconButton"
      title={label}
      aria-label={label}
      aria-disabled={isDisabled}
      onClick={() => !isDisabled && onClick()}
    >
      <Icon.react tag="span" aria-hidden="true" width="16px" height="16px" />
      <span className="jp-mltrain-Samples-word">{word}</span>
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
