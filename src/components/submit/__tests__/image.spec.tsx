import { RenderMimeRegistry, standardRendererFactories } from '@jupyterlab/rendermime';
import { ContentsManager } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { act, fireEvent, render, screen, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { build, built, imagePlan, step } from '../../../__tests__/images';
import { failure, fakeManager, settled, type Answer } from '../../../__tests__/server';
import type { ImageBuild, ImagePlanRequest, ImageRequest, ImageSettings } from '../../../types';
import { imageName, prefixOf } from '../image-model';
import { SubmitModel } from '../model';
import { SubmitView } from '../SubmitView';
import { finding, MemoryStore, plan } from './fixtures';

const SETTINGS: ImageSettings = {
  repository: 'registry.example.com/team',
  bases: { default: 'docker.io/library/python:{python}-slim' },
  platforms: ['linux/amd64'],
  environments: ['requirements.txt']
};

// A busy machine is no error.
vi.setConfig({ testTimeout: 30_000 });
Element.prototype.scrollIntoView ??= () => undefined;

const models: SubmitModel[] = [];
afterEach(() => models.splice(0).forEach(model => model.dispose()));

const settle = (): Promise<void> => act(settled);

async function shown(answers: Record<string, Answer> = {}, store = new MemoryStore()) {
  const { manager, server, channel } = fakeManager({
    'POST plans': () => plan(),
    'GET backends': () => ({ backends: [] }),
    'GET samples': () => ({ samples: [] }),
    'GET images/settings': () => SETTINGS,
    'POST images/plan': () => imagePlan(),
    'POST images': () => build('a', { state: 'waiting', position: 1 }),
    'DELETE images/a': () => new Response(null, { status: 204 }),
    ...answers
  });
  const rendermime = new RenderMimeRegistry({ initialFactories: standardRendererFactories });
  const commands = new CommandRegistry();
  const contents = new ContentsManager();
  const services = { manager, commands, translator: nullTranslator, rendermime, contents, settings: null };
  const remembered: string[] = [];
  const model = new SubmitModel({
    manager,
    path: 'work/train.ipynb',
    store,
    defaultBackend: () => '',
    ensureSaved: () => Promise.resolve(true),
    repository: { get: () => '', set: prefix => void remembered.push(prefix) }
  });
  models.push(model);
  const saved: [string, string][] = [];
  render(
    <SubmitView
      model={model}
      services={services}
      trans={nullTranslator.load('')}
      save={(extension, text) => Promise.resolve(void saved.push([extension, text]))}
      close={() => undefined}
    />
  );
  await settle();
  const open = async (tab: 'Image' | 'Dockerfile'): Promise<void> => {
    fireEvent.click(screen.getByRole('tab', { name: tab }));
    await settle();
  };
  const tell = async (...builds: ImageBuild[]): Promise<void> => {
    act(() => channel.emit('images', { type: 'images', builds }));
    await settle();
  };
  const sent = <Body,>(route: string): Body[] =>
    server.received.filter(({ method, path }) => `${method} ${path}` === route).map(({ body }) => body as Body);
  return { model, server, store, saved, remembered, open, tell, sent };
}

const field = (name: string): HTMLInputElement => screen.getByRole('textbox', { name });
const combo = (name: string): HTMLInputElement => screen.getByRole('combobox', { name });
const button = (name: string): HTMLElement => screen.getByRole('button', { name });

function enter(input: HTMLInputElement, value: string): void {
  fireEvent.change(input, { target: { value } });
  fireEvent.blur(input);
}

/** What the table of layers says, row by row. */
const rows = (): (string | null)[][] =>
  within(screen.getByRole('table', { name: 'Layers for linux/amd64' }))
    .getAllByRole('row')
    .slice(1)
    .map(row => [...row.children].map(cell => cell.textContent));

describe('the image', () => {
  it('is not asked for before someone looks, and then once', async () => {
    const { server, open } = await shown();
    expect(server.calls).not.toContain('GET images/settings');
    await open('Image');
    fireEvent.click(screen.getByRole('tab', { name: 'Checks' }));
    await open('Image');
    expect(server.calls.filter(call => call.includes('images'))).toEqual(['GET images/settings', 'POST images/plan']);
  });

  it('is the same for all values of parameters', async () => {
    const { model, open, sent } = await shown();
    await open('Image');
    fireEvent.change(screen.getByRole('textbox', { name: 'epochs int' }), { target: { value: '7' } });
    await act(async () => {
      while (model.isPlanning) {
        await settled();
      }
    });
    expect(sent('POST plans').at(-1)).toMatchObject({ texts: { epochs: '7' } });
    expect(sent<ImagePlanRequest>('POST images/plan')).toMatchObject([
      { submission: { notebook: 'work/train.ipynb' } }
    ]);
  });

  it('says what it will look at while it looks', async () => {
    const { open } = await shown({ 'POST images/plan': () => new Promise(() => undefined) });
    await open('Image');
    expect(screen.getByText('Looking at the base image and the packages…')).toBeTruthy();
  });

  it('shows layers, sizes, states and what would travel', async () => {
    const { open } = await shown();
    await open('Image');
    expect(rows()).toEqual([
      ['Base: python:3.11-slim', '50 MiB', 'in registry'],
      ['tensorflow 2.21.0', '230 MiB', 'cached'],
      ['2 small packages', 'not known yet', 'to build']
    ]);
    expect(screen.getByText('To download 120 MiB, to push 14 KiB')).toBeTruthy();
    fireEvent.click(button('2 small packages'));
    expect(screen.getByText('numpy 1.26.4')).toBeTruthy();
  });

  it('is asked for anew with what is said, and says it to the server', async () => {
    const { store, open, sent } = await shown();
    await open('Image');
    expect(field('Repository').value).toBe('registry.example.com/team/train');
    enter(field('Repository'), 'localhost:5000/me/train:1');
    enter(combo('Base image'), 'localhost:5000/base');
    fireEvent.change(combo('Packages'), { target: { value: 'requirements.txt' } });
    fireEvent.click(screen.getByRole('checkbox', { name: 'linux/arm64' }));
    fireEvent.click(screen.getByRole('checkbox', { name: 'linux/amd64' }));
    await settle();
    expect(sent<ImagePlanRequest>('POST images/plan').at(-1)?.image).toEqual({
      repository: 'localhost:5000/me/train:1',
      base: 'localhost:5000/base',
      platforms: ['linux/arm64'],
      environment: 'requirements.txt'
    });
    expect(screen.getByRole('checkbox', { name: 'linux/arm64' })).toHaveProperty('disabled', true);
    expect(store.state?.image.base).toBe('localhost:5000/base');
  });

  it('takes Enter for an end of typing, not for a submission', async () => {
    const { server, open, sent } = await shown();
    await open('Image');
    const input = field('Repository');
    fireEvent.change(input, { target: { value: 'localhost:5000/a' } });
    expect(fireEvent.keyDown(input, { key: 'Enter' })).toBe(false);
    await settle();
    expect(sent<ImagePlanRequest>('POST images/plan').at(-1)?.image?.repository).toBe('localhost:5000/a');
    expect(server.calls).not.toContain('POST jobs');
  });

  it('tells what is wrong at its field', async () => {
    const error = failure(400, 'invalid', 'It is not the name of an image.', { details: { field: 'repository' } });
    const { open } = await shown({ 'POST images/plan': () => error.clone() });
    await open('Image');
    expect(field('Repository').getAttribute('aria-invalid')).toBe('true');
    expect(screen.getByRole('alert').textContent).toContain('It is not the name of an image.');
  });

  it('tells why there is no plan, and looks again', async () => {
    let isUp = false;
    const { open } = await shown({
      'POST images/plan': () =>
        isUp ? imagePlan() : failure(502, 'registry-unreachable', 'It is down.', { hint: 'Start it.' })
    });
    await open('Image');
    expect(screen.getByRole('alert').textContent).toContain('It is down.Start it.');
    isUp = true;
    fireEvent.click(button('Retry'));
    await settle();
    expect(rows()).toHaveLength(3);
  });

  it('tells why there are no settings, and looks again', async () => {
    let isUp = false;
    const { open } = await shown({
      'GET images/settings': () => (isUp ? SETTINGS : failure(400, 'invalid', 'image.toml cannot be read.'))
    });
    await open('Image');
    expect(screen.getByRole('alert').textContent).toContain('image.toml cannot be read.');
    isUp = true;
    fireEvent.click(button('Retry'));
    await settle();
    expect(rows()).toHaveLength(3);
  });

  it('is built in spite of what would fail only by saying so', async () => {
    const findings = [finding({ severity: 'error', message: 'A key is in it.' })];
    const { open, sent } = await shown({ 'POST images/plan': () => imagePlan({ findings, refused: true }) });
    await open('Image');
    expect(screen.getByText('A key is in it.')).toBeTruthy();
    fireEvent.click(button('Build and push anyway'));
    await settle();
    expect(sent<ImageRequest>('POST images')).toMatchObject([{ force: true }]);
  });

  it('looks again at the base by a click', async () => {
    const { open, sent } = await shown();
    await open('Image');
    fireEvent.click(button('Look again which image the base’s tag means'));
    await settle();
    expect(sent<ImagePlanRequest>('POST images/plan').at(-1)?.image?.refresh).toBe(true);
  });
});

describe('a build', () => {
  it('is pushed to where it says, which is remembered', async () => {
    const { open, sent, remembered } = await shown();
    await open('Image');
    enter(field('Repository'), 'localhost:5000/me/train:1');
    await settle();
    fireEvent.click(button('Build and push'));
    await settle();
    expect(sent<ImageRequest>('POST images')).toMatchObject([
      { submission: { notebook: 'work/train.ipynb' }, image: { repository: 'localhost:5000/me/train:1' } }
    ]);
    expect(remembered).toEqual(['localhost:5000/me']);
    expect(screen.getByText('Waits for its turn: number 1 in the queue')).toBeTruthy();
  });

  it('goes into the cache alone where that is wanted', async () => {
    const { open, sent, remembered } = await shown();
    await open('Image');
    fireEvent.click(button('Build'));
    await settle();
    expect(sent<ImageRequest>('POST images')[0].image?.repository).toBe('');
    expect(remembered).toEqual([]);
  });

  it('needs a repository to be pushed', async () => {
    const { open, sent } = await shown({ 'GET images/settings': () => ({ ...SETTINGS, repository: '' }) });
    await open('Image');
    expect(button('Build and push').getAttribute('aria-disabled')).toBe('true');
    expect(screen.getByText('To push it, name a repository.')).toBeTruthy();
    fireEvent.click(button('Build and push'));
    await settle();
    expect(sent('POST images')).toEqual([]);
  });

  it('tells its progress by layer, and can be cancelled', async () => {
    const { server, open, tell } = await shown();
    await open('Image');
    const steps = [step({ step: 'layer', state: 'done' }), step({ done: 2 ** 20, total: 2 ** 21 })];
    await tell(build('a', { steps, fraction: 0.5 }));
    expect(rows()[1]).toEqual(['tensorflow 2.21.0', '230 MiB', 'pushed 1 of 2 MiB']);
    expect(screen.getByRole('progressbar')).toHaveProperty('value', 0.5);
    fireEvent.click(button('Cancel the build'));
    await settle();
    expect(server.calls).toContain('DELETE images/a');
    await tell(build('a', { cancelling: true }));
    expect(button('Stopping…')).toHaveProperty('disabled', true);
  });

  it('tells what came of it, and looks again who has what', async () => {
    const { open, tell, sent } = await shown();
    await open('Image');
    await tell(build('a'));
    await tell(build('a', { state: 'succeeded', image: built() }));
    expect(screen.getByText(/^Image pushed: .*@sha256:121212121212… · pushed 14 KiB in 0.40 s$/)).toBeTruthy();
    expect(button('Copy reference')).toBeTruthy();
    expect(sent('POST images/plan')).toHaveLength(2);
  });

  it('tells why it failed, and why it could not begin', async () => {
    const { open, tell } = await shown({
      'POST images': () => failure(404, 'not-found', 'There is no notebook.', { hint: 'Was it renamed?' })
    });
    await open('Image');
    const error = { code: 'registry-full', message: 'It is full.', hint: 'Delete some.', details: {} };
    await tell(build('a', { state: 'failed', error }));
    expect(screen.getByRole('alert').textContent).toBe('It is full. Delete some.');
    fireEvent.click(button('Build'));
    await settle();
    expect(screen.getByText('There is no notebook.')).toBeTruthy();
  });
});

describe('the Dockerfile', () => {
  it('is made when someone looks, with what is said of the image, and saved beside the notebook', async () => {
    const { saved, open, sent } = await shown({ 'POST plans/export': () => ({ text: 'FROM python\n', findings: [] }) });
    expect(sent('POST plans/export')).toEqual([]);
    await open('Dockerfile');
    expect(sent('POST plans/export')).toMatchObject([{ what: 'dockerfile', image: { repository: '' } }]);
    fireEvent.click(button('Save Dockerfile beside the notebook'));
    expect(saved).toEqual([['.Dockerfile', 'FROM python\n']]);
  });

  it('says why there is none, and tries again', async () => {
    let isUp = false;
    const { open } = await shown({
      'POST plans/export': () => (isUp ? { text: 'FROM python\n', findings: [] } : failure(400, 'image', 'No base.'))
    });
    await open('Dockerfile');
    expect(screen.getByRole('alert').textContent).toContain('No base.');
    isUp = true;
    fireEvent.click(button('Retry'));
    await settle();
    expect(button('Copy Dockerfile')).toBeTruthy();
  });
});

describe('names of repositories', () => {
  it.each([
    ['work/Träin it (2).ipynb', 'train-it-2'],
    ['__x__.ipynb', 'x'],
    ['日本.ipynb', 'notebook']
  ])('%s', (notebook, name) => expect(imageName(notebook)).toBe(name));

  it('without their last part', () => {
    expect(prefixOf('localhost:5000/me/train:1')).toBe('localhost:5000/me');
    expect(prefixOf('train')).toBe('');
  });
});
