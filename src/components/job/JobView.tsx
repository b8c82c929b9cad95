import type { TranslationBundle } from '@jupyterlab/translation';
import { useState } from 'react';

import type { JobModel } from '../../services/job';
import type { IServices } from '../../tokens';
import type { Job } from '../../types';
import { Empty, ErrorBanner } from '../common';
import { useModel } from '../hooks';
import { Events } from './Events';
import { Header } from './Header';
import { LiveNotebook } from './LiveNotebook';
import { Logs } from './Logs';
import { Manifest } from './Manifest';
import { Metrics } from './Metrics';
import { Overview } from './Overview';
import { Provenance } from './Provenance';
import { TabList } from './TabList';
import { JOB_TABS, tabTitle, type JobTab } from './tabs';

/** What each of a job's tabs is given. */
export interface ITabProps {
  job: Job;
  services: IServices;
  trans: TranslationBundle;
}

/** A job's header, and its tabs below. */
export function JobView(props: {
  model: JobModel;
  services: IServices;
  trans: TranslationBundle;
  tab: JobTab;
  onTab: (tab: JobTab) => void;
}): JSX.Element {
  const { model, services, trans, tab, onTab } = props;
  const { job, error, isDeleted } = useModel(model);
  const [replica, setReplica] = useState<string | null>(null);
  if (!job) {
    return <Waiting error={error} isDeleted={isDeleted} trans={trans} />;
  }
  const shared: ITabProps = { job, services, trans };
  const showLog = (name: string): void => {
    setReplica(name);
    onTab('logs');
  };
  const panels: Record<JobTab, () => JSX.Element> = {
    overview: () => <Overview {...shared} onLog={showLog} />,
    notebook: () => <LiveNotebook {...shared} />,
    logs: () => <Logs {...shared} replica={replica} onReplica={setReplica} />,
    metrics: () => <Metrics {...shared} />,
    events: () => <Events {...shared} />,
    manifest: () => <Manifest {...shared} />,
    provenance: () => <Provenance {...shared} />
  };
  return (
    <div className="jp-mltrain-Job">
      <ErrorBanner error={error} trans={trans} />
      {isDeleted && <p className="jp-mltrain-Job-deleted">{trans.__('This job was deleted.')}</p>}
      <Header {...shared} isDeleted={isDeleted} />
      <TabList
        label={trans.__('About %1', job.summary.name)}
        tabs={JOB_TABS.map(name => ({ name, title: tabTitle(name, trans) }))}
        current={tab}
        onSelect={onTab}
        panel={name => panels[name]()}
      />
    </div>
  );
}

function Waiting(props: { error: JobModel['error']; isDeleted: boolean; trans: TranslationBundle }): JSX.Element {
  const { error, isDeleted, trans } = props;
  if (error) {
    return <ErrorBanner error={error} trans={trans} />;
  }
  return <Empty title={isDeleted ? trans.__('This job was deleted.') : trans.__('Loading…')} />;
}
