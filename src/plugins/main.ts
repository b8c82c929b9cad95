import { ILabShell, ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, type TranslationBundle } from '@jupyterlab/translation';

import { addCommands, CommandIDs, notifyCommands } from '../commands';
import { Notebooks } from '../notebooks';
import { Opener } from '../opener';
import { preferences } from '../preferences';
import { DOMAIN, ITrainingManager, PLUGIN_ID } from '../tokens';

/** Commands, the panel and the tabs, and the ways to them. Menus, toolbar and context menu are in the schema. */
export const mainPlugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Runs notebooks as training jobs and shows them.',
  autoStart: true,
  requires: [ITrainingManager, IDocumentManager, IRenderMimeRegistry, ITranslator],
  optional: [
    ILabShell,
    ILayoutRestorer,
    ISettingRegistry,
    INotebookTracker,
    IDefaultFileBrowser,
    ICommandPalette,
    ILauncher
  ],
  activate
};

async function activate(
  app: JupyterFrontEnd,
  manager: ITrainingManager,
  docManager: IDocumentManager,
  rendermime: IRenderMimeRegistry,
  translator: ITranslator,
  labShell: ILabShell | null,
  restorer: ILayoutRestorer | null,
  registry: ISettingRegistry | null,
  tracker: INotebookTracker | null,
  browser: IDefaultFileBrowser | null,
  palette: ICommandPalette | null,
  launcher: ILauncher | null
): Promise<void> {
  const { commands } = app;
  const trans = translator.load(DOMAIN);
  const settings = await loadSettings(registry);
  const { contents } = app.serviceManager;
  const services = { manager, commands, translator, rendermime, contents, settings };
  const notebooks = new Notebooks({ docManager, contents, tracker, browser, trans });
  const opener = new Opener({ app, labShell, restorer, services, notebooks, trans });
  addCommands({ commands, manager, notebooks, opener, trans, preferences: () => preferences(settings) });
  const notify = (): void => notifyCommands(commands);
  tracker?.currentChanged.connect(notify);
  opener.currentJobChanged.connect(notify);
  void app.restored.then(() => manager.jobs.phaseChanged.connect(notify));
  if (palette) {
    addToPalette(palette, trans);
  }
  if (launcher) {
    void app.restored.then(() => addToLauncher(launcher, manager, trans));
  }
}

/** Settings that cannot be read are no reason to have no panel. */
async function loadSettings(registry: ISettingRegistry | null): Promise<ISettingRegistry.ISettings | null> {
  try {
    return (await registry?.load(PLUGIN_ID)) ?? null;
  } catch (error) {
    console.error(`Cannot read the settings of ${PLUGIN_ID}`, error);
    return null;
  }
}

function addToPalette(palette: ICommandPalette, trans: TranslationBundle): void {
  const { openJob, openSample, runSample, ...ofPalette } = CommandIDs;
  for (const command of Object.values(ofPalette)) {
    palette.addItem({ command, category: trans.__('Training') });
  }
}

async function addToLauncher(launcher: ILauncher, manager: ITrainingManager, trans: TranslationBundle): Promise<void> {
  const category = trans.__('Training');
  launcher.add({ command: CommandIDs.submit, args: { pick: true }, category, rank: 0 });
  launcher.add({ command: CommandIDs.showPanel, category, rank: 1 });
  await manager.places.load();
  const samples = manager.places.samples?.filter(({ available }) => available) ?? [];
  samples.forEach(({ name }, index) => {
    launcher.add({ command: CommandIDs.openSample, args: { name }, category, rank: 2 + index });
    launcher.add({ command: CommandIDs.runSample, args: { name }, category, rank: 2 + samples.length + index });
  });
}
