import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { failure, fakeManager, job, settled, summary, type Answer } from '../../../__tests__/server';
import { EMPTY, setField, setParameter } from '../draft';
import { SubmitModel } from '../model';
import { finding, MemoryStore, plan } from './fixtures';

const EPOCHS = { name: 'epochs', type: { kind: 'int' as const }, default: 3 };

interface IRig {
  model: SubmitModel;
  store: MemoryStore;
  /** The bodies of the requests to a route, oldest first. */
  sent: (route: string) => Record<string, unknown>[];
}

function rig(answers: Record<string, Answer> = {}, options: Partial<SubmitModel.IOptions> = {}): IRig {
  const { manager, server } = fakeManager({
    'POST plans': () => plan(),
    'POST jobs': () => Response.json(summary('j1'), { status: 201 }),
    ...answers
  });
  const store = new MemoryStore();
  const model = new SubmitModel({
    manager,
    path: 'a.ipynb',
    store,
    defaultBackend: () => '',
    ensureSaved: () => Promise.resolve(true),
    ...options
  });
  models.push(model);
  const sent = (route: string): Record<string, unknown>[] =>
    server.received.filter(({ path, method }) => path === route && method === 'POST').map(({ body }) => body as never);
  return { model, store: (options.store as MemoryStore) ?? store, sent };
}

// A busy machine is no error.
vi.setConfig({ testTimeout: 30_000 });

const models: SubmitModel[] = [];
afterEach(() => models.splice(0).forEach(model => model.dispose()));

/** Let the pause after the last key go by. */
async function paused(): Promise<void> {
  await vi.advanceTimersByTimeAsync(400);
}

describe('planning', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('asks at once, then a while after the last key, and can submit meanwhile', async () => {
    const { model, sent } = rig();
    expect(model.obstacle).toBeNull();
    await paused();
    expect(model.plan?.name).toBe('train-1');
    expect(model.framework).toBe('tensorflow');
    '456'.split('').forEach(text => model.edit(setParameter(EPOCHS, { text })));
    expect(model.obstacle).toBeNull();
    await paused();
    expect(sent('plans').map(({ texts }) => texts)).toEqual([undefined, { epochs: '6' }]);
  });

  it('lets the newest question win, whatever comes first', async () => {
    const answers: ((value: unknown) => void)[] = [];
    const { model } = rig({ 'POST plans': () => new Promise(resolve => answers.push(resolve)) });
    await paused();
    model.edit(setField('name', 'second'));
    await paused();
    answers[1](plan({ name: 'second' }));
    await paused();
    answers[0](plan({ name: 'first' }));
    await paused();
    expect(model.plan?.name).toBe('second');
    expect(model.isPlanning).toBe(false);
  });

  it('says which field is wrong, and has the form all the same', async () => {
    const details = { field: 'n', form: [{ name: 'n', type: { kind: 'int' }, required: true }] };
    const { model } = rig({ 'POST plans': () => failure(400, 'parameter', 'n has no value', { details }) });
    await paused();
    expect(model.form?.map(({ name }) => name)).toEqual(['n']);
    expect(model.problems).toMatchObject([{ field: 'parameters.n' }]);
    expect(model.obstacle).toEqual({ kind: 'problems', count: 1 });
    model.edit(setField('name', 'x'));
    expect(model.obstacle).toBeNull();
  });

  it('cannot submit a notebook that is none, but may try while the server is away', async () => {
    const refused = rig({ 'POST plans': () => failure(400, 'notebook', 'It is written in R.') }).model;
    const away = rig({ 'POST plans': () => failure(502, 'unavailable', 'gone') }).model;
    await paused();
    expect(refused.obstacle).toMatchObject({ kind: 'error', error: { message: 'It is written in R.' } });
    expect(away.obstacle).toBeNull();
    expect(away.error?.code).toBe('unavailable');
  });

  it('submits against the checks only if it is told to', async () => {
    const findings = [finding({ severity: 'error' }), finding()];
    const { model, sent } = rig({ 'POST plans': () => plan({ findings, refused: true }) });
    await paused();
    expect(model.obstacle).toEqual({ kind: 'refused', findings: [findings[0]] });
    const submitted = model.submit(true);
    await paused();
    await submitted;
    expect(sent('jobs')[0].force).toBe(true);
  });

  it('remembers what the imports tell while another framework is chosen', async () => {
    const { model } = rig({
      'POST plans': ({ body }) => plan((body as { spec?: object }).spec ? { framework: 'none' } : {})
    });
    await paused();
    model.edit(setField('framework', 'none'));
    await paused();
    expect([model.framework, model.detected]).toEqual(['none', 'tensorflow']);
  });
});

describe('submitting', () => {
  it('makes one job of two clicks', async () => {
    const { model, sent } = rig();
    const [first, second] = await Promise.all([model.submit(), model.submit()]);
    expect([first?.id, second]).toEqual(['j1', null]);
    expect(sent('jobs')).toHaveLength(1);
  });

  it('uses the token of the preview, and another one for the next job', async () => {
    const { model, sent } = rig();
    await settled();
    await model.submit();
    await model.submit();
    const [first, second] = sent('jobs').map(({ token }) => token);
    expect(first).toBe(sent('plans')[0].token);
    expect(second).not.toBe(first);
  });

  it('asks again for the same job with the same token, for another one with another', async () => {
    let isAway = true;
    const { model, sent } = rig({
      'POST jobs': () => (isAway ? failure(500, 'internal', 'gone') : Response.json(summary('j1'), { status: 201 }))
    });
    expect(await model.submit()).toBeNull();
    expect(model.refusal?.message).toBe('gone');
    expect(await model.submit()).toBeNull();
    model.edit(setField('name', 'other'));
    isAway = false;
    await model.submit();
    const [first, second, third] = sent('jobs').map(({ token }) => token);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    expect(model.refusal).toBeNull();
  });

  it('submits nothing if the user does not want to save', async () => {
    const { model, sent } = rig({}, { ensureSaved: () => Promise.resolve(false) });
    expect(await model.submit()).toBeNull();
    expect(sent('jobs')).toEqual([]);
    expect(model.refusal).toBeNull();
  });
});

describe('the form', () => {
  it('is kept over a reload, and forgotten with its tab', async () => {
    const store = new MemoryStore();
    const { model } = rig({}, { store });
    model.edit(setField('name', 'mine'));
    model.edit(setParameter(EPOCHS, { text: '4' }));
    await settled();
    const kept = new MemoryStore(structuredClone(store.state));
    const again = rig({}, { store: kept });
    expect(again.model.draft.fields).toEqual({ name: 'mine' });
    await settled();
    expect(again.sent('plans')[0]).toMatchObject({ spec: { name: 'mine' }, token: store.state?.token });
    expect(again.sent('plans')[0].texts).toEqual({ epochs: '4' });
    model.dispose();
    expect(store.state).toBeNull();
  });

  it('brings what was kept also where it is submitted at once', async () => {
    const store = new MemoryStore();
    rig({}, { store }).model.edit(setParameter(EPOCHS, { text: '4' }));
    const { model, sent } = rig({ 'POST plans': () => new Promise(() => undefined) }, { store });
    await model.submit();
    expect(sent('jobs')[0].texts).toEqual({ epochs: '4' });
  });

  it('lets go of values whose parameters are gone', async () => {
    const store = new MemoryStore();
    rig({}, { store }).model.edit(setParameter({ ...EPOCHS, name: 'gone' }, { text: '4' }));
    const { model, sent } = rig(
      {
        'POST plans': ({ body }) =>
          (body as { texts?: object }).texts
            ? failure(400, 'parameter', 'no such', { details: { field: 'gone', form: plan().form } })
            : plan()
      },
      { store }
    );
    await settled();
    expect(sent('plans')).toHaveLength(2);
    expect(model.obstacle).toBeNull();
  });

  it('is filled from a job', async () => {
    const spec = JSON.stringify({ run_policy: { backoff_limit: 2 } });
    const old = job('j0', {
      parameters: { epochs: 9 },
      texts: { epochs: '9' },
      manifest: { metadata: { annotations: { 'jupyter-mltrain/spec': spec } } }
    });
    const { model, sent } = rig({ 'GET jobs/j0': () => old }, { job: 'j0' });
    await settled();
    expect(model.source).toBe('j0');
    expect(sent('plans')[0]).toMatchObject({ spec: { run_policy: { backoff_limit: 2 } }, texts: { epochs: '9' } });
    model.reset();
    expect(model.draft).toEqual(EMPTY);
  });

  it('says so if the job is gone', async () => {
    const { model } = rig({}, { job: 'gone' });
    await settled();
    expect(model.refusal?.code).toBe('not-found');
    expect(model.plan).not.toBeNull();
  });

  it('makes the script once for each state of the form', async () => {
    const { model, sent } = rig({ 'POST plans/export': () => ({ text: 'print()', findings: [] }) });
    await settled();
    await Promise.all([model.loadScript(), model.loadScript()]);
    expect(model.script?.text).toBe('print()');
    expect(sent('plans/export')).toHaveLength(1);
  });
});
