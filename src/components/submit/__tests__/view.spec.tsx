import { RenderMimeRegistry, standardRendererFactories } from '@jupyterlab/rendermime';
import { ContentsManager } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { act, fireEvent, render, screen, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { failure, fakeManager, settled, summary, type Answer, type FakeServer } from '../../../__tests__/server';
import type { BackendInfo, Inventory } from '../../../types';
import { SubmitModel } from '../model';
import { SubmitView } from '../SubmitView';
import { finding, MemoryStore, plan } from './fixtures';

const LOCAL: BackendInfo = {
  name: 'local',
  title: 'This machine',
  available: true,
  why: '',
  kinds: [],
  suspend: true,
  gpus: true,
  images: false
};
const CLUSTER: BackendInfo = {
  ...LOCAL,
  name: 'kubernetes',
  title: 'Kubernetes',
  available: false,
  why: 'No kubeconfig was found.',
  images: true
};
const INVENTORY: Inventory = { devices: [], cpus: 2, memory: 2 ** 34, slots: 2, slotsFree: 1, note: 'No driver.' };
const H200 = { product: 'NVIDIA-H200', total: 4, free: 3, memory: null, node: '', taints: [] };

interface IShown {
  server: FakeServer;
  model: SubmitModel;
  opened: unknown[];
  saved: [string, string][];
  closed: () => number;
}

// A busy machine is no error.
vi.setConfig({ testTimeout: 30_000 });
Element.prototype.scrollIntoView ??= () => undefined;

const models: SubmitModel[] = [];
afterEach(() => models.splice(0).forEach(model => model.dispose()));

async function shown(answers: Record<string, Answer> = {}): Promise<IShown> {
  const { manager, server } = fakeManager({
    'POST plans': () => plan(),
    'POST jobs': () => Response.json(summary('j1'), { status: 201 }),
    'GET backends': () => ({ backends: [LOCAL, CLUSTER] }),
    'GET samples': () => ({ samples: [] }),
    'GET devices': () => INVENTORY,
    ...answers
  });
  const commands = new CommandRegistry();
  const opened: unknown[] = [];
  commands.addCommand('mltrain:open-job', { execute: args => void opened.push(args) });
  const rendermime = new RenderMimeRegistry({ initialFactories: standardRendererFactories });
  const contents = new ContentsManager();
  const services = { manager, commands, translator: nullTranslator, rendermime, contents, settings: null };
  const model = new SubmitModel({
    manager,
    path: 'a folder/träin it.ipynb',
    store: new MemoryStore(),
    defaultBackend: () => '',
    ensureSaved: () => Promise.resolve(true)
  });
  models.push(model);
  const saved: [string, string][] = [];
  let closed = 0;
  render(
    <SubmitView
      model={model}
      services={services}
      trans={nullTranslator.load('')}
      save={(extension, text) => Promise.resolve(void saved.push([extension, text]))}
      close={() => (closed += 1)}
    />
  );
  await settle();
  return { server, model, opened, saved, closed: () => closed };
}

const settle = (): Promise<void> => act(settled);
const type = (element: HTMLElement, value: string): void => void fireEvent.change(element, { target: { value } });
const submitButton = (): HTMLElement => screen.getByRole('button', { name: /^Submit$|^Submitting/ });
const jobs = ({ server }: IShown): number => server.calls.filter(call => call === 'POST jobs').length;

/** The server's answer may wait for the pause after the last key. */
async function planned(model: SubmitModel): Promise<void> {
  await act(async () => {
    while (model.isPlanning) {
      await settled();
    }
  });
}

describe('the form', () => {
  it('has a control with a name and a help for each parameter', async () => {
    const form = [
      { name: 'epochs', type: { kind: 'int' }, default: 3, help: 'how many' },
      { name: 'flag', type: { kind: 'bool' }, default: true },
      { name: 'mode', type: { kind: 'str', choices: ['a', 'b'], optional: true }, default: 'b' },
      { name: 'path', type: { kind: 'path' }, expression: 'Path.home()' },
      { name: 'limit', type: { kind: 'int', optional: true }, default: null }
    ];
    const { model } = await shown({ 'POST plans': () => plan({ form }) });
    expect(screen.getByRole('textbox', { name: 'epochs int' })).toHaveProperty('value', '3');
    expect(screen.getByText('how many')).toBeTruthy();
    fireEvent.click(screen.getByRole('checkbox', { name: 'flag bool' }));
    type(screen.getByRole('combobox', { name: 'mode choice | None' }), 'none');
    const path = screen.getByRole('textbox', { name: 'path path' });
    expect(path).toHaveProperty('placeholder', 'Path.home()');
    type(path, '/data');
    const limit = screen.getByRole('textbox', { name: 'limit int | None' });
    expect(limit).toHaveProperty('disabled', true);
    fireEvent.click(screen.getByRole('checkbox', { name: 'limit is None' }));
    type(limit, '5');
    expect(model.reading.submission).toMatchObject({
      parameters: { flag: false, mode: null, path: '/data' },
      texts: { limit: '5' }
    });
    expect(screen.getAllByText('changed')).toHaveLength(4);
    fireEvent.click(screen.getByRole('button', { name: 'Reset path: Back to Path.home()' }));
    fireEvent.click(screen.getByRole('button', { name: 'Reset flag: Back to True' }));
    expect(model.reading.submission.parameters).toEqual({ mode: null });
  });

  it('says that the imports are not known where the notebook is refused', async () => {
    await shown({ 'POST plans': () => failure(400, 'notebook', 'It is written in R.') });
    expect(screen.queryByText(/Looking at the imports/)).toBeNull();
    expect(screen.getByText(/What the notebook imports is not known/)).toBeTruthy();
  });

  it('says what is wrong at the field, does not submit it, and goes there', async () => {
    const details = { field: 'epochs', form: plan().form };
    const rig = await shown({
      'POST plans': ({ body }) =>
        (body as { texts?: object }).texts
          ? failure(400, 'parameter', 'many is no number', { hint: 'Write it like 3.', details })
          : plan()
    });
    type(screen.getByRole('textbox', { name: 'epochs int' }), 'many');
    await planned(rig.model);
    const field = screen.getByRole('textbox', { name: 'epochs int' });
    expect(field.getAttribute('aria-invalid')).toBe('true');
    const described = field.getAttribute('aria-describedby')!.split(' ');
    expect(described.map(id => document.getElementById(id)?.textContent)).toEqual([
      'how many',
      'Many is no number. Write it like 3.'
    ]);
    expect(submitButton().getAttribute('aria-disabled')).toBe('true');
    expect(screen.getByText('1 field needs attention')).toBeTruthy();
    fireEvent.click(submitButton());
    await settle();
    expect(document.activeElement).toBe(field);
    expect(jobs(rig)).toBe(0);
  });

  it('opens the part that holds a wrong field', async () => {
    const rig = await shown();
    act(() => rig.model.edit(draft => ({ ...draft, fields: { 'run_policy.backoff_limit': 'x' } })));
    expect(screen.queryByRole('textbox', { name: 'Retries' })).toBeNull();
    fireEvent.click(submitButton());
    await settle();
    expect(document.activeElement).toBe(screen.getByRole('textbox', { name: 'Retries' }));
  });

  it('tells what a closed part holds', async () => {
    const { model } = await shown();
    act(() => model.edit(draft => ({ ...draft, fields: { 'run_policy.active_deadline_seconds': '2 h' } })));
    expect(screen.getByRole('button', { name: /^Run policy/ }).textContent).toContain('time limit 2 h');
    expect(screen.getByRole('button', { name: /^Data and secrets/ }).textContent).toContain('Nothing set');
  });

  it('adds, pins and leaves out requirements', async () => {
    const { model } = await shown();
    type(screen.getByRole('textbox', { name: 'numpy' }), '>=2');
    const adder = screen.getByRole('textbox', { name: 'Requirement to add' });
    type(adder, 'lightgbm==4.1');
    fireEvent.keyDown(adder, { key: 'Enter' });
    expect(model.reading.submission.requirements).toEqual({ numpy: '>=2', lightgbm: '==4.1' });
    fireEvent.click(screen.getByRole('button', { name: 'Take back what was said about lightgbm' }));
    fireEvent.click(screen.getByRole('button', { name: 'Take back what was said about numpy' }));
    fireEvent.click(screen.getByRole('button', { name: 'Leave out numpy' }));
    expect(model.reading.submission.requirements).toEqual({ numpy: null });
  });
});

describe('places and devices', () => {
  it('tell why a place cannot be had, and why there is no GPU', async () => {
    await shown();
    const cluster = screen.getByRole('radio', { name: 'Kubernetes' });
    expect(cluster).toHaveProperty('disabled', true);
    expect(document.getElementById(cluster.getAttribute('aria-describedby')!)?.textContent).toBe(CLUSTER.why);
    const gpu = screen.getByRole('combobox', { name: 'Worker GPU' });
    expect(gpu).toHaveProperty('disabled', true);
    expect(document.getElementById(gpu.getAttribute('aria-describedby')!)?.textContent).toContain('No driver.');
  });

  it('offer what is free', async () => {
    const { model } = await shown({ 'GET devices': () => ({ ...INVENTORY, devices: [H200] }) });
    const gpu = screen.getByRole('combobox', { name: 'Worker GPU' });
    expect(within(gpu).getByRole('option', { name: 'NVIDIA-H200: 3 of 4 free' })).toBeTruthy();
    type(gpu, 'NVIDIA-H200');
    type(screen.getByRole('textbox', { name: 'Worker GPUs each' }), '2');
    expect(model.reading.submission.spec).toEqual({
      roles: { Worker: { replicas: 1, resources: { gpu: { count: 2, product: 'NVIDIA-H200' } } } }
    });
  });

  it('cannot be submitted to where nobody answers', async () => {
    const rig = await shown({
      'GET backends': () => ({ backends: [{ ...LOCAL, available: false, why: 'Disk gone.' }] })
    });
    expect(screen.getByText('Disk gone.', { selector: '[role=status]' })).toBeTruthy();
    fireEvent.click(submitButton());
    await settle();
    expect(jobs(rig)).toBe(0);
  });

  it('that cannot be read are asked for again', async () => {
    let isAway = true;
    await shown({ 'GET backends': () => (isAway ? failure(500, 'internal', 'Gone.') : { backends: [LOCAL] }) });
    isAway = false;
    fireEvent.click(screen.getByRole('button', { name: 'Retry' }));
    await settle();
    expect(screen.getByRole('radio', { name: 'This machine' })).toHaveProperty('checked', true);
  });
});

describe('submitting', () => {
  it('opens the job and closes the form', async () => {
    const rig = await shown();
    fireEvent.click(submitButton());
    fireEvent.click(submitButton());
    await settle();
    expect([jobs(rig), rig.opened, rig.closed()]).toEqual([1, [{ id: 'j1' }], 1]);
  });

  it('keeps the form for another one', async () => {
    const rig = await shown();
    fireEvent.click(screen.getByRole('checkbox', { name: 'Keep this form open' }));
    fireEvent.keyDown(screen.getByRole('textbox', { name: 'epochs int' }), { key: 'Enter', ctrlKey: true });
    await settle();
    expect([rig.opened, rig.closed()]).toEqual([[], 0]);
    expect(screen.getByText(/was submitted/)).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Open' }));
    fireEvent.click(submitButton());
    await settle();
    expect([jobs(rig), rig.opened]).toEqual([2, [{ id: 'j1' }]]);
  });

  it('says in words why it was refused', async () => {
    const rig = await shown({ 'POST jobs': () => failure(507, 'storage', 'The disk is full.') });
    fireEvent.click(submitButton());
    await settle();
    expect(screen.getByRole('alert').textContent).toContain('The disk is full.');
    expect(rig.closed()).toBe(0);
  });

  it('does what the checks advise against only by another button', async () => {
    const findings = [finding({ severity: 'error', message: 'It fails.' })];
    const rig = await shown({ 'POST plans': () => plan({ findings, refused: true }) });
    fireEvent.click(submitButton());
    await settle();
    expect(jobs(rig)).toBe(0);
    fireEvent.click(screen.getByRole('button', { name: 'Submit anyway' }));
    await settle();
    expect(jobs(rig)).toBe(1);
  });
});

describe('the preview', () => {
  it('lists findings, the worst first, and applies what mends them', async () => {
    const findings = [
      finding({ message: 'Batches are uneven.', where: { parameter: 'epochs' }, fix: { 'parameters.epochs': 4 } }),
      finding({ severity: 'error', message: 'No name.', where: { field: 'name' } })
    ];
    const { model } = await shown({ 'POST plans': () => plan({ findings }) });
    const list = screen.getByRole('list', { name: 'Findings' });
    expect(
      within(list)
        .getAllByRole('listitem')
        .map(item => item.textContent)
    ).toEqual([expect.stringContaining('Would failNo name.'), expect.stringContaining('WarningBatches are uneven.')]);
    fireEvent.click(within(list).getAllByRole('button', { name: 'Show the field' })[0]);
    expect(document.activeElement).toBe(screen.getByRole('textbox', { name: 'Job name' }));
    fireEvent.click(within(list).getByRole('button', { name: /^Apply/ }));
    expect(model.reading.submission.texts).toEqual({ epochs: '4' });
  });

  it('shows manifest and script, and saves them beside the notebook', async () => {
    const rig = await shown({ 'POST plans/export': () => ({ text: 'print(1)', findings: [] }) });
    fireEvent.click(screen.getByRole('tab', { name: 'Manifest' }));
    fireEvent.click(screen.getByRole('button', { name: 'Save manifest beside the notebook' }));
    expect(rig.server.calls).not.toContain('POST plans/export');
    fireEvent.click(screen.getByRole('tab', { name: 'Script' }));
    await settle();
    fireEvent.click(screen.getByRole('button', { name: 'Save script beside the notebook' }));
    expect(rig.saved).toEqual([
      ['.yaml', 'kind: TFJob\n'],
      ['.py', 'print(1)']
    ]);
  });

  it('says why there is nothing to see', async () => {
    await shown({
      'POST plans': () => failure(400, 'notebook', 'It is written in R.', { hint: 'Use a Python kernel.' })
    });
    expect(screen.getByRole('alert').textContent).toContain('It is written in R.');
    expect(screen.getByText('It is written in R. Use a Python kernel.')).toBeTruthy();
  });
});
