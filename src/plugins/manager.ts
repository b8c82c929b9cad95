import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { AbsentChannel, absentSettings, hasServerExtension } from '../services/absent';
import { TrainingManager } from '../services/manager';
import { ITrainingManager } from '../tokens';

/** Provides the manager. */
export const managerPlugin: JupyterFrontEndPlugin<ITrainingManager> = {
  id: 'jupyter-mltrain:manager',
  description: 'Provides the manager of training jobs.',
  autoStart: true,
  provides: ITrainingManager,
  activate: ({ serviceManager: { serverSettings } }: JupyterFrontEnd) =>
    hasServerExtension()
      ? new TrainingManager({ serverSettings })
      : new TrainingManager({ serverSettings: absentSettings(serverSettings), channel: new AbsentChannel() })
};
