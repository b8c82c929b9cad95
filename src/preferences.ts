import type { ISettingRegistry } from '@jupyterlab/settingregistry';

/** Whose endings are told: those of all jobs, of those submitted from this tab, or none. */
export type Audience = 'all' | 'mine' | 'none';

/** What a user may set: the properties of `schema/plugin.json`. */
export interface IPreferences {
  notices: Audience;
  /** Tell also by the desktop, while the page is hidden. */
  desktopNotices: boolean;
  /** Name of the place that new jobs go to; `''`: the first that the server names. */
  defaultBackend: string;
  /** Where images go, without the notebook's name; `''`: as the server has it. */
  imageRepository: string;
  confirmDelete: boolean;
}

/** The schema's defaults, for where there are no settings to be had. */
const DEFAULTS: IPreferences = {
  notices: 'all',
  desktopNotices: false,
  defaultBackend: '',
  imageRepository: '',
  confirmDelete: true
};

/** Return what is set now: read it when it is needed, since it changes without a reload. */
export function preferences(settings: ISettingRegistry.ISettings | null): IPreferences {
  return { ...DEFAULTS, ...(settings?.composite as Partial<IPreferences> | undefined) };
}
