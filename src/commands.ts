import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { runIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyJSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { guarded } from './dialogs';
import { trainIcon } from './icons';
import type { INotebookArguments, INotebooks } from './notebooks';
import type { IOpener } from './opener';
import type { IPreferences } from './preferences';
import type { Verb } from './services/api';
import type { ITrainingManager } from './tokens';
import type { JobSummary, Submission } from './types';

/** The ids of all commands. Behind each, its arguments. */
export const CommandIDs = {
  /** `INotebookArguments`, here and below: open the submit tab; `{job?}`: filled with the values of that job. */
  submit: 'mltrain:submit',
  /** Submit with the defaults. */
  runNow: 'mltrain:run-now',
  /** Write the notebook as a Python script beside it. */
  exportScript: 'mltrain:export-script',
  /** `{path}`: show what is known of the image of a notebook. */
  openImage: 'mltrain:open-image',
  /** `{id, name?, tab?}` */
  openJob: 'mltrain:open-job',
  showPanel: 'mltrain:show-panel',
  /** `{id?}`, here and below: without an id the job whose tab is in front. */
  cancel: 'mltrain:cancel',
  suspend: 'mltrain:suspend',
  resume: 'mltrain:resume',
  resubmit: 'mltrain:resubmit',
  /** Asks first. */
  delete: 'mltrain:delete',
  /** `{name}` */
  openSample: 'mltrain:open-sample',
  /** `{name}` */
  runSample: 'mltrain:run-sample'
} as const;

/** What the commands work with. */
export interface ICommandOptions {
  commands: CommandRegistry;
  manager: ITrainingManager;
  notebooks: INotebooks;
  opener: IOpener;
  trans: TranslationBundle;
  /** Read before each use. */
  preferences: () => IPreferences;
}

type Arguments = ReadonlyPartialJSONObject;

/** Add all commands. */
export function addCommands(options: ICommandOptions): void {
  addNotebookCommands(options);
  addJobCommands(options);
  addSampleCommands(options);
  const { commands, opener, trans } = options;
  commands.addCommand(CommandIDs.showPanel, {
    label: trans.__('Show Training Jobs'),
    caption: trans.__('Show the training jobs and the samples'),
    icon: trainIcon,
    describedBy: describe({}),
    execute: () => opener.showPanel()
  });
}

/** Say that commands may be enabled or disabled now: another notebook or job is in front, or a job has changed. */
export function notifyCommands(commands: CommandRegistry): void {
  Object.values(CommandIDs).forEach(id => commands.notifyCommandChanged(id));
}

function addNotebookCommands(options: ICommandOptions): void {
  const { commands, manager, opener, preferences, trans } = options;
  const submission = (notebook: string): Submission => {
    const { defaultBackend } = preferences();
    return defaultBackend ? { notebook, backend: defaultBackend } : { notebook };
  };
  commands.addCommand(CommandIDs.submit, {
    ...onNotebook(options, trans.__('Run this notebook as a training job'), (path, { job }) =>
      opener.openSubmit(path, { job: text(job) })
    ),
    label: trans.__('Submit as training job'),
    icon: trainIcon
  });
  commands.addCommand(CommandIDs.runNow, {
    ...onNotebook(options, trans.__('Submit this notebook at once, with the defaults'), path =>
      manager.submit(submission(path))
    ),
    label: trans.__('Train with Defaults')
  });
  commands.addCommand(CommandIDs.openImage, {
    label: trans.__('Show Image of Notebook'),
    describedBy: describe({ path: { type: 'string', description: trans.__('Path of the notebook') } }, ['path']),
    isEnabled: ({ path }) => text(path) !== undefined,
    execute: ({ path }) => opener.openSubmit(text(path) ?? '', { preview: 'image' })
  });
  commands.addCommand(CommandIDs.exportScript, {
    ...onNotebook(options, trans.__('Write what would run as a Python script beside the notebook'), path =>
      exportScript(options, path, submission(path))
    ),
    label: trans.__('Export as Training Script')
  });
}

/** Return what all commands have that do something with a notebook, once it is saved. */
function onNotebook(
  { notebooks, trans }: ICommandOptions,
  caption: string,
  act: (path: string, args: Arguments) => unknown
): CommandRegistry.ICommandOptions {
  return {
    caption: args => (notebooks.canChoose(notebookOf(args)) ? caption : trans.__('Open a notebook first.')),
    describedBy: describe({
      path: { type: 'string', description: trans.__('Path of the notebook; the open one if left out') },
      selected: { type: 'boolean', description: trans.__('Take what is selected in the file browser') },
      pick: { type: 'boolean', description: trans.__('Let the user pick one') }
    }),
    isEnabled: args => notebooks.canChoose(notebookOf(args)),
    execute: async args => {
      const path = await notebooks.choose(notebookOf(args));
      return path !== null && (await notebooks.ensureSaved(path)) ? guarded(trans, () => act(path, args)) : undefined;
    }
  };
}

function notebookOf({ path, selected, pick }: Arguments): INotebookArguments {
  return { path: text(path), selected: selected === true, pick: pick === true };
}

async function exportScript(
  { manager, notebooks }: ICommandOptions,
  path: string,
  submission: Submission
): Promise<void> {
  const script = await manager.api.export({ submission, what: 'script' });
  await notebooks.saveBeside(path, '.py', script.text);
}

function addJobCommands({ commands, manager, opener, preferences, trans }: ICommandOptions): void {
  const id = { type: 'string', description: trans.__('Id of the job; the one in front if left out') };
  const idOf = (args: Arguments): string => (typeof args.id === 'string' ? args.id : (opener.currentJob ?? ''));
  const allows = (args: Arguments, action: JobSummary['actions'][number]): boolean =>
    idOf(args) !== '' && (manager.jobs.get(idOf(args))?.actions.includes(action) ?? true);

  commands.addCommand(CommandIDs.openJob, {
    label: trans.__('Open Training Job'),
    describedBy: describe(
      {
        id,
        name: { type: 'string', description: trans.__('Name of the job: the title until it is loaded') },
        tab: { type: 'string', description: trans.__('Name of the tab to show') }
      },
      ['id']
    ),
    isEnabled: args => idOf(args) !== '',
    execute: args => opener.openJob(idOf(args), { name: text(args.name), tab: text(args.tab) })
  });
  const verbs: Record<Verb, string> = {
    cancel: trans.__('Cancel Training Job'),
    suspend: trans.__('Suspend Training Job'),
    resume: trans.__('Resume Training Job')
  };
  for (const [verb, label] of Object.entries(verbs) as [Verb, string][]) {
    commands.addCommand(CommandIDs[verb], {
      label,
      describedBy: describe({ id }),
      isEnabled: args => allows(args, verb),
      execute: args => guarded(trans, () => manager.act(idOf(args), verb))
    });
  }
  commands.addCommand(CommandIDs.resubmit, {
    label: trans.__('Resubmit Training Job'),
    describedBy: describe({ id }),
    isEnabled: args => allows(args, 'resubmit'),
    execute: args => guarded(trans, () => manager.resubmit(idOf(args)))
  });
  commands.addCommand(CommandIDs.delete, {
    label: trans.__('Delete Training Job…'),
    describedBy: describe({ id }),
    isEnabled: args => allows(args, 'delete'),
    execute: async args => {
      const job = idOf(args);
      if (!preferences().confirmDelete || (await confirmDelete(manager.jobs.get(job)?.name ?? job, trans))) {
        await guarded(trans, () => manager.delete(job));
      }
    }
  });
}

function addSampleCommands({ commands, manager, notebooks, trans }: ICommandOptions): void {
  const nameOf = (args: Arguments): string => (typeof args.name === 'string' ? args.name : '');
  const title = (args: Arguments): string =>
    manager.places.samples?.find(sample => sample.name === nameOf(args))?.title ?? nameOf(args);
  const shared = {
    icon: trainIcon,
    describedBy: describe({ name: { type: 'string', description: trans.__('Name of the sample') } }, ['name']),
    isEnabled: (args: Arguments) => nameOf(args) !== ''
  };

  commands.addCommand(CommandIDs.openSample, {
    ...shared,
    label: args => title(args) || trans.__('Open Training Sample'),
    caption: args => trans.__('Copy the sample notebook %1 here and open it', title(args)),
    execute: args => guarded(trans, async () => notebooks.open((await manager.api.openSample(nameOf(args))).path))
  });
  commands.addCommand(CommandIDs.runSample, {
    ...shared,
    label: args => trans.__('Train %1', title(args)),
    icon: runIcon,
    caption: args => trans.__('Run the sample notebook %1 as a training job', title(args)),
    execute: args => guarded(trans, () => manager.runSample(nameOf(args)))
  });
}

async function confirmDelete(name: string, trans: TranslationBundle): Promise<boolean> {
  const answer = await showDialog({
    title: trans.__('Delete training job?'),
    body: trans.__('%1 is stopped if it runs. Its log, its metrics and its executed notebook are deleted.', name),
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Delete') })],
    defaultButton: 0
  });
  return answer.button.accept;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function describe(
  properties: Record<string, ReadonlyJSONObject>,
  required: string[] = []
): { args: ReadonlyJSONObject } {
  return { args: { type: 'object', properties, required } };
}
