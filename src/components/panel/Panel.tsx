import { PageConfig } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';

import { CommandIDs } from '../../commands';
import type { TrainingError } from '../../request';
import type { IServices, ITrainingManager } from '../../tokens';
import type { BackendInfo, JobSummary } from '../../types';
import { Empty, ErrorBanner } from '../common';
import { useModel } from '../hooks';
import { act, bulkMenu, jobMenu, open } from './actions';
import { FirstTime, NoMatch } from './EmptyState';
import { Filters } from './Filters';
import { isNarrowed, NO_FILTERS } from './filters';
import { Header } from './Header';
import { JobList, type IJobList } from './JobList';
import type { IRowEvents } from './JobRow';
import { useKept } from './kept';
import { Machine, useInventory } from './Machine';
import { useMenu } from './menu';
import { ConnectionNotice, PlaceNotices, useConnection } from './Notices';
import { raiseMemory } from './raise';
import { Samples } from './Samples';
import { Section } from './Section';
import { SelectionBar } from './SelectionBar';
import { useBulk, type IBulk } from './useBulk';
import { useFilter } from './useFilter';
import { useSelection, type ISelectionState } from './useSelection';
import { inventoryWords } from './words';

/** What of the panel survives a reload. */
const INITIAL = { ...NO_FILTERS, moreFilters: false, samplesOpen: true, machineOpen: true };

/** What each part of the panel needs. */
interface IShared {
  services: IServices;
  trans: TranslationBundle;
}

/** The sidebar panel: the jobs, the samples, and what the machine has. */
export function Panel({ services, trans, isVisible }: IShared & { isVisible: boolean }): JSX.Element {
  const { manager, commands } = services;
  const jobs = useModel(manager.jobs);
  const places = useModel(manager.places);
  const [kept, keep] = useKept(`jupyter-mltrain:panel:${PageConfig.getBaseUrl()}`, INITIAL);
  const isWatched = useIsPageVisible() && isVisible;
  const selection = useSelection(jobs.rows);
  const bulk = useBulk(manager, selection, trans);
  const events = useRowEvents({ services, trans }, selection, bulk);
  const error = useError(manager);
  const list = useRef<IJobList>(null);
  const search = useRef<HTMLInputElement>(null);
  const backends = places.backends ?? [];
  const filters = { ...kept, where: knownPlace(kept.where, places.backends) };
  const place = backends.find(({ name }) => name === filters.where) ?? backends[0];
  const inventory = useInventory(places, place?.name, isWatched && kept.machineOpen);
  useFilter(jobs, filters);
  usePlaces(manager);

  const refresh = (): void => {
    manager.channel.retry();
    void jobs.refresh();
    void places.refresh();
  };
  const onDelete = (): void => {
    if (selection.jobs.length > 1) {
      bulk.start('delete');
    } else {
      act(services, 'delete', selection.jobs[0]?.id ?? selection.active!);
    }
  };

  return (
    <div className="jp-mltrain-Panel">
      <Header onSubmit={() => void commands.execute(CommandIDs.submit)} onRefresh={refresh} trans={trans} />
      <Filters
        ref={search}
        filters={filters}
        onChange={keep}
        backends={backends}
        rows={jobs.rows}
        counts={jobs.counts}
        isOpen={kept.moreFilters}
        onOpen={moreFilters => keep({ moreFilters })}
        onLeave={() => list.current?.focus()}
        trans={trans}
      />
      <ConnectionNotice channel={manager.channel} trans={trans} />
      <PlaceNotices backends={backends} onRetry={refresh} trans={trans} />
      <ErrorBanner error={error} trans={trans} onRetry={refresh} />
      <ErrorBanner error={bulk.error} trans={trans} onClose={bulk.dismiss} />
      <JobList
        ref={list}
        jobs={jobs}
        rows={jobs.rows}
        selection={selection}
        events={events}
        paused={!isWatched}
        trans={trans}
        onOpen={id => open(services, id)}
        onDelete={onDelete}
        onType={() => search.current?.focus()}
      >
        <NoRows services={services} trans={trans} hasError={error !== null} onClear={() => keep(NO_FILTERS)} />
      </JobList>
      {selection.selected.size > 0 && (
        <SelectionBar
          jobs={selection.jobs}
          total={jobs.total}
          isBusy={bulk.isBusy}
          onBulk={bulk.start}
          onAll={jobs.hasMore && selection.isAll ? bulk.selectAll : null}
          onClose={() => {
            selection.selectNone();
            list.current?.focus();
          }}
          trans={trans}
        />
      )}
      {places.samples !== null && places.samples.length > 0 && (
        <Section title={trans.__('Samples')} isOpen={kept.samplesOpen} onOpen={samplesOpen => keep({ samplesOpen })}>
          <Samples samples={places.samples} services={services} trans={trans} />
        </Section>
      )}
      {place && (
        <Section
          title={backends.length > 1 ? place.title : trans.__('Machine')}
          isOpen={kept.machineOpen}
          onOpen={machineOpen => keep({ machineOpen })}
          note={inventory ? inventoryWords(inventory, trans)[0] : ''}
        >
          <Machine inventory={inventory} trans={trans} />
        </Section>
      )}
    </div>
  );
}

/** Return a place that was chosen before the last reload, if there is such a place still. */
function knownPlace(chosen: string, backends: readonly BackendInfo[] | null): string {
  return backends === null || backends.some(({ name }) => name === chosen) ? chosen : '';
}

/** What stands in the place of rows where there are none. */
function NoRows(props: IShared & { hasError: boolean; onClear: () => void }): JSX.Element | null {
  const { services, trans, hasError, onClear } = props;
  const { jobs, places } = services.manager;
  if (jobs.isLoading || hasError) {
    return hasError ? null : <Empty title={trans.__('Loading…')} />;
  }
  return isNarrowed(jobs.filter) ? (
    <NoMatch onClear={onClear} trans={trans} />
  ) : (
    <FirstTime samples={places.samples} services={services} trans={trans} />
  );
}

/** Return what happens in rows, the same functions as long as the panel lives. */
function useRowEvents({ services, trans }: IShared, selection: ISelectionState, bulk: IBulk): IRowEvents {
  const openMenu = useMenu();
  const onMenu = useLatest((job: JobSummary, x: number, y: number) => {
    const isBulk = selection.selected.has(job.id) && selection.selected.size > 1;
    openMenu(isBulk ? bulkMenu(selection.jobs, bulk.start, trans) : jobMenu(services, job, trans), x, y);
  });
  return useMemo(
    () => ({
      onAction: (action, job) => act(services, action, job.id),
      onLog: job => open(services, job.id, 'logs'),
      onRaise: job => void raiseMemory(services, job, trans),
      onMenu
    }),
    [services, trans, onMenu]
  );
}

/** Return a function that stays the same and does what the newest one does. */
function useLatest<Args extends unknown[]>(newest: (...args: Args) => void): (...args: Args) => void {
  const latest = useRef(newest);
  useLayoutEffect(() => {
    latest.current = newest;
  });
  return useMemo(
    () =>
      (...args: Args): void =>
        latest.current(...args),
    []
  );
}

/** Return why the list is not what it should be; what the notice of a lost connection says is not said twice. */
function useError({ jobs, places, channel }: ITrainingManager): TrainingError | null {
  const isLost = useConnection(channel) === 'disconnected' || jobs.isLoading;
  const error = jobs.error ?? (places.backends === null ? places.error : null);
  return isLost && jobs.isReady && error?.code === 'unreachable' ? null : error;
}

/** Read what places and samples there are, again after each lost connection until it is known. */
function usePlaces({ places, channel }: ITrainingManager): void {
  const connection = useConnection(channel);
  useEffect(() => {
    if (connection !== 'disconnected') {
      void places.load();
    }
  }, [places, connection]);
}

/** Whether the page is to be seen. */
function useIsPageVisible(): boolean {
  const [isVisible, setVisible] = useState(!document.hidden);
  useEffect(() => {
    const onChange = (): void => setVisible(!document.hidden);
    document.addEventListener('visibilitychange', onChange);
    return () => document.removeEventListener('visibilitychange', onChange);
  }, []);
  return isVisible;
}
