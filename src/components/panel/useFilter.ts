import { useEffect, useState } from 'react';

import type { JobsModel } from '../../services/jobs';
import { isSameFilter, jobFilter, type IFilters } from './filters';

/** How long to wait for the next letter, in milliseconds. */
const PAUSE = 250;

/** Have the jobs listed that the filter asks for; a text only once the user pauses. */
export function useFilter(jobs: JobsModel, { where, state, kind, notebook, text }: IFilters): void {
  const settled = useSettled(text);
  useEffect(() => {
    const wanted = jobFilter({ where, state, kind, notebook, text: settled });
    if (!isSameFilter(wanted, jobs.filter)) {
      void jobs.setFilter(wanted);
    }
  }, [jobs, where, state, kind, notebook, settled]);
}

/** Return a text as it was when it last stood still; an empty one at once. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(text), text ? PAUSE : 0);
    return () => window.clearTimeout(timer);
  }, [text]);
  return settled;
}
