import type { TranslationBundle } from '@jupyterlab/translation';
import { useRef, useState } from 'react';

import type { LogModel } from '../../services/log';
import type { Replica } from '../../types';
import { Empty, ErrorBanner } from '../common';
import { useModel, useOwnModel } from '../hooks';
import type { ITabProps } from './JobView';
import { LogLines, type ILogLines } from './LogLines';
import { LogSearch } from './search';
import { byRole, replicaTitle } from './replicas';
import { SearchBar } from './SearchBar';

/** The log of one replica at a time; the leader's at first. */
export function Logs(props: ITabProps & { replica: string | null; onReplica: (name: string) => void }): JSX.Element {
  const { job, services, trans, replica, onReplica } = props;
  const { replicas, summary } = job;
  const chosen = replicas.find(({ name }) => name === replica) ?? replicas.find(({ leader }) => leader) ?? replicas[0];
  const { manager } = services;
  const name = chosen?.name;
  const model = useOwnModel(() => manager.log(summary.id, name ?? ''), [manager, summary.id, name]);
  if (!chosen) {
    return <Empty title={trans.__('No replica has started yet.')} />;
  }
  const picker = <ReplicaPicker replicas={replicas} current={chosen.name} trans={trans} onPick={onReplica} />;
  // Until the effect has made the model of another replica, the old one is still here.
  return model?.replica === name ? <Log key={name} model={model} trans={trans} picker={picker} /> : <></>;
}

function ReplicaPicker(props: {
  replicas: readonly Replica[];
  current: string;
  trans: TranslationBundle;
  onPick: (name: string) => void;
}): JSX.Element {
  const { replicas, current, trans, onPick } = props;
  return (
    <select
      className="jp-mltrain-Select"
      aria-label={trans.__('Replica')}
      value={current}
      onChange={({ target }) => onPick(target.value)}
    >
      {byRole(replicas).map((replica, place) => (
        <option key={replica.name} value={replica.name}>
          {[replicaTitle(replica, place), replica.leader && trans.__('(leader)')].filter(Boolean).join(' ')}
        </option>
      ))}
    </select>
  );
}

function Log(props: { model: LogModel; trans: TranslationBundle; picker: JSX.Element }): JSX.Element | null {
  const { model } = props;
  const search = useOwnModel(() => new LogSearch(model), [model]);
  return search && <SearchedLog {...props} search={search} />;
}

function SearchedLog(props: {
  model: LogModel;
  search: LogSearch;
  trans: TranslationBundle;
  picker: JSX.Element;
}): JSX.Element {
  const { model, trans, picker } = props;
  const { downloadUrl, error, isReady, length } = useModel(model);
  const search = useModel(props.search);
  const lines = useRef<ILogLines>(null);
  const [follows, setFollows] = useState(true);
  const [current, setCurrent] = useState<number | null>(null);
  const show = (line: number | null): void => {
    setCurrent(line);
    if (line !== null) {
      setFollows(false);
      lines.current?.show(line);
    }
  };
  return (
    <div className="jp-mltrain-Log">
      <div className="jp-mltrain-Bar">
        {picker}
        <SearchBar
          search={search}
          trans={trans}
          current={current}
          top={() => lines.current?.top() ?? 0}
          onShow={show}
        />
        <button type="button" className="jp-mltrain-Button" aria-pressed={follows} onClick={() => setFollows(!follows)}>
          {trans.__('Follow')}
        </button>
        <a className="jp-mltrain-Button" href={downloadUrl} download>
          {trans.__('Download')}
        </a>
      </div>
      <ErrorBanner error={error} trans={trans} />
      <Missing model={model} trans={trans} />
      <LogLines
        ref={lines}
        model={model}
        label={trans.__('Log')}
        follows={follows}
        onFollow={setFollows}
        current={current}
        query={search.query}
      />
      {length === 0 && <Empty title={isReady ? trans.__('Nothing has been written yet.') : trans.__('Loading…')} />}
    </div>
  );
}

/** What is not to be seen, and a way to see it. */
function Missing({ model, trans }: { model: LogModel; trans: TranslationBundle }): JSX.Element | null {
  const { loading, isPartial, hasGap, isCut } = useModel(model);
  if (loading !== null) {
    return (
      <p className="jp-mltrain-Log-note">
        <span className="jp-mltrain-sr" role="status">
          {trans.__('Reading the whole log…')}
        </span>
        {trans.__('%1 lines read…', loading.toLocaleString())}
      </p>
    );
  }
  if (isPartial || hasGap) {
    return (
      <p className="jp-mltrain-Log-note">
        {hasGap ? trans.__('Some lines came too fast to be shown.') : trans.__('These are the newest lines.')}{' '}
        <button type="button" className="jp-mltrain-Button" onClick={() => void model.loadAll()}>
          {trans.__('Load All')}
        </button>
      </p>
    );
  }
  return isCut ? <p className="jp-mltrain-Log-note">{trans.__('The oldest lines are gone.')}</p> : null;
}
