import type { TranslationBundle } from '@jupyterlab/translation';
import { useState } from 'react';

import type { TrainingError } from '../../request';
import type { JobsModel } from '../../services/jobs';
import type { ITrainingManager } from '../../tokens';
import { bulkError, planBulk, runBulk, type BulkAction } from './bulk';
import { useBusy } from './Samples';
import { confirmBulk } from './SelectionBar';
import type { ISelectionState } from './useSelection';

/** What is done to all selected jobs, and what became of it. */
export interface IBulk {
  isBusy: boolean;
  /** What did not work, in words. */
  error: TrainingError | null;
  dismiss: () => void;
  /** Ask once, then do it to all that it can be done to. */
  start: (action: BulkAction) => void;
  /** Load what the filter lets through, and select it. */
  selectAll: () => void;
}

/** Return what can be done to the selected jobs. */
export function useBulk(manager: ITrainingManager, selection: ISelectionState, trans: TranslationBundle): IBulk {
  const [isBusy, run] = useBusy();
  const [error, setError] = useState<TrainingError | null>(null);
  const { jobs, selectNone } = selection;
  const start = async (action: BulkAction): Promise<void> => {
    const plan = planBulk(action, jobs);
    if (!(await confirmBulk(plan, trans))) {
      return;
    }
    const failures = await runBulk(plan, manager);
    setError(bulkError(plan, failures, trans));
    if (failures.length === 0) {
      selectNone();
    }
  };
  const selectAll = async (): Promise<void> => {
    await loadAll(manager.jobs);
    selection.selectAll(manager.jobs.rows.map(row => row.id));
  };
  return {
    isBusy,
    error,
    dismiss: () => setError(null),
    start: action => run(() => start(action)),
    selectAll: () => run(selectAll)
  };
}

/** Load all pages, unless another filter is set meanwhile or a page cannot be had. */
async function loadAll(jobs: JobsModel): Promise<void> {
  const { filter } = jobs;
  while (jobs.hasMore && jobs.filter === filter && !jobs.error && !jobs.isDisposed) {
    await (jobs.isLoading ? nextChange(jobs) : jobs.loadMore());
  }
}

function nextChange(jobs: JobsModel): Promise<void> {
  return new Promise(resolve => {
    const slot = (): void => {
      jobs.changed.disconnect(slot);
      resolve();
    };
    jobs.changed.connect(slot);
  });
}
