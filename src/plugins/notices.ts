import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator } from '@jupyterlab/translation';

import { preferences } from '../preferences';
import { claimFor } from '../services/claim';
import { askForDesktop } from '../services/desktop';
import { tellOfBuilds } from '../services/image-notices';
import { tellOfJobs } from '../services/notices';
import { DOMAIN, ITrainingManager, PLUGIN_ID } from '../tokens';

/** Tells of jobs that were submitted, have finished or failed. */
export const noticesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mltrain:notices',
  description: 'Tells of training jobs that have ended, and of images that are built.',
  autoStart: true,
  requires: [ITrainingManager, ITranslator],
  optional: [ISettingRegistry],
  activate: async (
    app: JupyterFrontEnd,
    manager: ITrainingManager,
    translator: ITranslator,
    registry: ISettingRegistry | null
  ): Promise<void> => {
    // Settings that cannot be read are told of by the first plugin.
    const settings = (await registry?.load(PLUGIN_ID).catch(() => null)) ?? null;
    settings?.changed.connect(() => preferences(settings).desktopNotices && void askForDesktop());
    const options = {
      manager,
      commands: app.commands,
      trans: translator.load(DOMAIN),
      preferences: () => preferences(settings),
      claim: claimFor(app.serviceManager.serverSettings.baseUrl)
    };
    // The connection is made when the page is there: it is no part of the start, which waits for this function.
    void app.restored.then(() => [tellOfJobs(options), tellOfBuilds(options)]);
  }
};
