import { RenderMimeRegistry, standardRendererFactories } from '@jupyterlab/rendermime';
import { ContentsManager } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { act, fireEvent, render, screen, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { build, built, imagePlan, step } from '../../../__tests__/images';
import { failure, fakeManager, settled, type Answer } from '../../../__tests__/server';
import type {
  DockerfileRequest,
  Finding,
  ImageBuild,
  ImagePlanRequest,
  ImageRequest,
  ImageSettings
} from '../../../types';
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

async function shown(answers: Record<string, Answer> = {}, store = new MemoryStore(), remembered: string[] = []) {
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
  const model = new SubmitModel({
    manager,
    path: 'work/train.ipynb',
    store,
    defaultBackend: () => '',
    ensureSaved: () => Promise.resolve(true),
    repository: { get: () => remembered.at(-1) ?? '', set: prefix => void remembered.push(prefix) }
  });
  models.push(model);
  render(
    <SubmitView
      model={model}
      services={services}
      trans={nullTranslator.load('')}
      save={() => Promise.resolve()}
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
  return { model, server, store, commands, remembered, open, tell, sent };
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

  it('says which layers are known without their bytes, and that sizes are not', async () => {
    const [platform] = imagePlan().platforms;
    const layers = platform.layers.map(layer => ({ ...layer, state: 'known' as const }));
    const platforms = [{ ...platform, layers, fetch: null, push: null }];
    const { open } = await shown({ 'POST images/plan': () => imagePlan({ platforms }) });
    await open('Image');
    expect(rows().map(([, , state]) => state)).toEqual(['known', 'known', 'known']);
    expect(screen.getByTitle(/where the base image is: they are fetched, or mounted/).textContent).toBe('known');
    expect(screen.getAllByTitle(/elsewhere: they are mounted, fetched or made again/)).toHaveLength(2);
    expect(screen.getByText('To download: an unknown size, to push: known once it is built')).toBeTruthy();
  });

  it('says the same once', async () => {
    const twice = finding({ message: 'The image does not get it.' });
    const findings = [twice, finding({ message: 'Another.' }), { ...twice }];
    const { open } = await shown({ 'POST images/plan': () => imagePlan({ findings }) });
    await open('Image');
    expect(screen.getAllByText('The image does not get it.')).toHaveLength(1);
    expect(screen.getByText('Another.')).toBeTruthy();
  });

  it('does not show what was said of something else: neither beside an error nor while it is looked at', async () => {
    let answer: () => unknown = () => imagePlan();
    const { open } = await shown({ 'POST images/plan': () => answer() });
    await open('Image');
    expect(rows()).toHaveLength(3);
    let finish: (answer: unknown) => void = () => undefined;
    answer = () => new Promise(resolve => (finish = resolve));
    enter(field('Repository'), 'localhost:1/x/y');
    await settle();
    expect(screen.getByRole('table').closest('[data-stale]')).toBeTruthy();
    expect(screen.queryByText(/to push 14 KiB/)).toBeNull();
    finish(failure(502, 'registry-unreachable', 'It cannot be reached.'));
    await settle();
    expect(screen.getByRole('alert').textContent).toContain('It cannot be reached.');
    expect(screen.queryByRole('table')).toBeNull();
    expect(screen.queryByText(/To download/)).toBeNull();
    answer = () => imagePlan();
    enter(field('Repository'), 'localhost:5000/x/y');
    await settle();
    expect(rows()).toHaveLength(3);
    expect(screen.getByRole('table').closest('[data-stale]')).toBeNull();
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
  it('is pushed to where it says, which is remembered once that has worked', async () => {
    const { open, sent, remembered, tell } = await shown();
    await open('Image');
    enter(field('Repository'), 'localhost:5000/me/train:1');
    await settle();
    fireEvent.click(button('Build and push'));
    await settle();
    expect(sent<ImageRequest>('POST images')).toMatchObject([
      { submission: { notebook: 'work/train.ipynb' }, image: { repository: 'localhost:5000/me/train:1' } }
    ]);
    expect(screen.getByText('Waits for its turn: number 1 in the queue')).toBeTruthy();
    await tell(build('a'));
    expect(remembered).toEqual([]);
    await tell(build('a', { state: 'succeeded', image: built() }));
    expect(remembered).toEqual(['localhost:5000/me']);
  });

  it.each(['failed', 'cancelled'] as const)('that has %s is not remembered', async state => {
    const { open, remembered, tell } = await shown();
    await open('Image');
    enter(field('Repository'), 'localhost:5000/me/train:1');
    await settle();
    fireEvent.click(button('Build and push'));
    await settle();
    await tell(build('a', { state }));
    expect(remembered).toEqual([]);
  });

  it('goes by a cleared field to where the settings say, and so do the next ones', async () => {
    const { open, remembered, tell, sent, store } = await shown({}, new MemoryStore(), ['localhost:5000/me']);
    await open('Image');
    expect(field('Repository').value).toBe('localhost:5000/me/train');
    enter(field('Repository'), '');
    await settle();
    expect(field('Repository').value).toBe('registry.example.com/team/train');
    expect(sent<ImagePlanRequest>('POST images/plan').at(-1)?.image?.repository).toBe(
      'registry.example.com/team/train'
    );
    expect(store.state?.image.repository).toBe('');
    fireEvent.click(button('Build and push'));
    await settle();
    await tell(build('a', { state: 'succeeded', image: built() }));
    expect(remembered).toEqual(['localhost:5000/me', '']);
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

describe('what came of a build', () => {
  const error = { code: 'registry-unauthorised', message: 'It refuses.', hint: 'Log in.', details: {} };
  const pushed = build('a', { state: 'succeeded', image: built() });
  const outcome = (): HTMLElement | null => screen.queryByText(/^Image (pushed|built)/);

  it('is not shown where another repository is named now', async () => {
    const { open, tell } = await shown();
    await open('Image');
    await tell(pushed);
    expect(outcome()).toBeTruthy();
    enter(field('Repository'), 'localhost:5000/x/y');
    await settle();
    expect(outcome()).toBeNull();
    enter(field('Repository'), '');
    await settle();
    expect(outcome()).toBeTruthy();
  });

  it('is not shown where something else is to be built now', async () => {
    const { open, tell } = await shown();
    await open('Image');
    await tell(build('a', { state: 'failed', error, repository: '' }));
    expect(screen.getByText('It refuses. Log in.')).toBeTruthy();
    enter(combo('Base image'), 'localhost:5000/base');
    await settle();
    expect(screen.queryByText('It refuses. Log in.')).toBeNull();
  });

  it('is not shown of another version of the notebook', async () => {
    const { open, tell } = await shown();
    await open('Image');
    await tell({ ...pushed, program: 'sha256:0' });
    expect(outcome()).toBeNull();
    await tell({ ...pushed, id: 'b', program: 'sha256:1' });
    expect(outcome()).toBeTruthy();
  });

  it.each(['It refuses.', 'It refuses to tell.'])(
    'is told once where the next look ends the same: %s',
    async message => {
      const { open, tell } = await shown({
        'POST images/plan': () => failure(502, error.code, message, { hint: error.hint })
      });
      await tell(build('a', { state: 'failed', error }));
      await open('Image');
      expect(screen.getAllByRole('alert').map(({ textContent }) => textContent)).toEqual([`${message}Log in.Retry`]);
    }
  );

  it('is not shown beside an error that came later, and is beside one that was there', async () => {
    let isUp = true;
    const { open, tell } = await shown({
      'POST images/plan': () => (isUp ? imagePlan() : failure(400, 'resolution', 'They conflict.'))
    });
    await open('Image');
    await tell(pushed);
    isUp = false;
    fireEvent.click(button('Look again which image the base’s tag means'));
    await settle();
    expect(screen.getByRole('alert').textContent).toContain('They conflict.');
    expect(outcome()).toBeNull();
    await tell({ ...build('b', { state: 'succeeded', image: built({ reference: '' }), repository: '' }) });
    expect(outcome()).toBeTruthy();
  });
});

describe('the Dockerfile', () => {
  const text = { text: 'FROM python\n', findings: [] as Finding[] };
  const secret = finding({ severity: 'error', message: 'A key is in it.' });

  /** Catch what the browser would save. */
  function downloads(): [string, Promise<string>][] {
    const found: [string, Promise<string>][] = [];
    const blobs: Blob[] = [];
    URL.createObjectURL = blob => `blob:${blobs.push(blob as Blob)}`;
    URL.revokeObjectURL = () => undefined;
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
      found.push([this.download, blobs.at(-1)!.text()]);
    });
    return found;
  }

  it('is made when someone looks, with what is said of the image', async () => {
    const { open, sent } = await shown({ 'POST plans/export': () => text });
    expect(sent('POST plans/export')).toEqual([]);
    await open('Dockerfile');
    expect(sent('POST plans/export')).toMatchObject([{ what: 'dockerfile', image: { repository: '' } }]);
    expect(screen.getByText(/^It is built in its folder/)).toBeTruthy();
  });

  it('is downloaded with its folder', async () => {
    const { open, sent } = await shown({
      'POST plans/export': () => text,
      'POST images/dockerfile': () => new Response('packed')
    });
    const found = downloads();
    await open('Dockerfile');
    fireEvent.click(button('Download Dockerfile'));
    await settle();
    expect(found.map(([name]) => name)).toEqual(['train-image.tar.gz']);
    expect(await found[0][1]).toBe('packed');
    expect(sent<DockerfileRequest>('POST images/dockerfile')).toMatchObject([{ image: { repository: '' } }]);
    expect(sent<DockerfileRequest>('POST images/dockerfile')[0].force).toBeUndefined();
  });

  it('is saved with its folder beside the notebook, and shown', async () => {
    const { open, sent, commands } = await shown({
      'POST plans/export': () => text,
      'POST images/dockerfile/save': () => ({ path: 'work/train-image-1', kind: 'folder' })
    });
    const done: unknown[] = [];
    commands.addCommand('filebrowser:refresh', { execute: () => void done.push('refresh') });
    commands.addCommand('docmanager:open', { execute: ({ path }) => void done.push(path) });
    await open('Dockerfile');
    fireEvent.click(button('Save Dockerfile beside the notebook'));
    await settle();
    expect(done).toEqual(['refresh', 'work/train-image-1/Dockerfile']);
    expect(sent('POST images/dockerfile/save')).toMatchObject([{ submission: { notebook: 'work/train.ipynb' } }]);
  });

  it('is handed out in spite of what looks like a secret only by saying so', async () => {
    const { open, sent } = await shown({
      'POST plans/export': () => ({ ...text, findings: [secret] }),
      'POST images/dockerfile/save': () => ({ path: 'work/train-image', kind: 'folder' }),
      'POST images/dockerfile': () => new Response('packed')
    });
    downloads();
    await open('Dockerfile');
    expect(screen.getByText('A key is in it.')).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Download Dockerfile' })).toBeNull();
    fireEvent.click(button('Download Dockerfile anyway'));
    await settle();
    fireEvent.click(button('Save Dockerfile beside the notebook anyway'));
    await settle();
    expect(sent('POST images/dockerfile')).toMatchObject([{ force: true }]);
    expect(sent('POST images/dockerfile/save')).toMatchObject([{ force: true }]);
  });

  it('says why it is not handed out, once', async () => {
    const { open } = await shown({
      'POST plans/export': () => text,
      'POST images/dockerfile': () => failure(507, 'storage', 'The disk is full.', { hint: 'Delete something.' })
    });
    await open('Dockerfile');
    fireEvent.click(button('Download Dockerfile'));
    await settle();
    expect(screen.getByRole('alert').textContent).toContain('The disk is full.Delete something.');
    fireEvent.click(button('Dismiss'));
    expect(screen.queryByRole('alert')).toBeNull();
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
