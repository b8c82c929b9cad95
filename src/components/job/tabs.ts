import type { TranslationBundle } from '@jupyterlab/translation';

/** Names of a job's tabs, in their order. */
export const JOB_TABS = ['overview', 'notebook', 'logs', 'metrics', 'events', 'manifest', 'provenance'] as const;

/** Name of one of a job's tabs. */
export type JobTab = (typeof JOB_TABS)[number];

/** Whether a word names a tab. */
export function isTab(name: string): name is JobTab {
  return (JOB_TABS as readonly string[]).includes(name);
}

/** Return a tab's title. */
export function tabTitle(tab: JobTab, trans: TranslationBundle): string {
  const titles: Record<JobTab, string> = {
    overview: trans.__('Overview'),
    notebook: trans.__('Notebook'),
    logs: trans.__('Logs'),
    metrics: trans.__('Metrics'),
    events: trans.__('Events'),
    manifest: trans.__('Manifest'),
    provenance: trans.__('Provenance')
  };
  return titles[tab];
}
