import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { TrainingManager } from '../services/manager';
import { ITrainingManager } from '../tokens';

/** Provides the manager. */
export const managerPlugin: JupyterFrontEndPlugin<ITrainingManager> = {
  id: 'jupyter-mltrain:manager',
  description: 'Provides the manager of training jobs.',
  autoStart: true,
  provides: ITrainingManager,
  activate: (app: JupyterFrontEnd) => new TrainingManager({ serverSettings: app.serviceManager.serverSettings })
};
