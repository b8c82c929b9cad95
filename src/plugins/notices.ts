import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator } from '@jupyterlab/translation';

import { tellOfJobs, type Audience, type INoticeSettings } from '../services/notices';
import { DOMAIN, ITrainingManager, PLUGIN_ID } from '../tokens';

/** Tells of jobs that were submitted, have finished or failed. */
export const noticesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mltrain:notices',
  description: 'Tells of training jobs that have ended.',
  autoStart: true,
  requires: [ITrainingManager, ITranslator],
  optional: [ISettingRegistry],
  activate: async (
    app: JupyterFrontEnd,
    manager: ITrainingManager,
    translator: ITranslator,
    registry: ISettingRegistry | null
  ): Promise<void> => {
    const settings = await registry?.load(PLUGIN_ID).catch(() => null);
    const read = (): INoticeSettings => ({
      notices: (settings?.composite.notices as Audience | undefined) ?? 'all',
      desktop: settings?.composite.desktopNotices === true
    });
    settings?.changed.connect(() => read().desktop && void askDesktop());
    const trans = translator.load(DOMAIN);
    // The connection is made when the page is there: it is no part of the start, which waits for this function.
    void app.restored.then(() => tellOfJobs({ manager, commands: app.commands, trans, settings: read }));
  }
};

async function askDesktop(): Promise<void> {
  if ('Notification' in window && window.Notification.permission === 'default') {
    await window.Notification.requestPermission();
  }
}
