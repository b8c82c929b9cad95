import { describe, expect, it } from 'vitest';

import { request, routeUrl, TrainingError } from '../request';
import { failure, FakeServer } from './server';
import { fakeSettings } from './sockets';

describe('request', () => {
  it('sends JSON with the token and returns JSON', async () => {
    const server = new FakeServer({ 'POST jobs': ({ body }) => ({ got: body }) });
    const answer = await request(server.settings, ['jobs'], { method: 'POST', body: { notebook: 'a b.ipynb' } });
    expect(answer).toEqual({ got: { notebook: 'a b.ipynb' } });
    expect(server.received[0].headers.get('Authorization')).toBe('token s3cret');
    expect(server.received[0].headers.get('Content-Type')).toBe('application/json');
  });

  it('returns undefined for an answer without a body', async () => {
    const server = new FakeServer({ 'DELETE jobs/a': () => new Response(null, { status: 204 }) });
    await expect(request(server.settings, ['jobs', 'a'], { method: 'DELETE' })).resolves.toBeUndefined();
  });

  it("throws the server's error with its field", async () => {
    const body = { hint: 'Write a number.', details: { field: 'epochs' } };
    const server = new FakeServer({ 'POST plans': () => failure(400, 'invalid-input', 'epochs is no number', body) });
    const error = await request(server.settings, ['plans'], { method: 'POST', body: {} }).catch(TrainingError.from);
    expect(error).toBeInstanceOf(TrainingError);
    expect(error).toMatchObject({
      code: 'invalid-input',
      message: 'epochs is no number',
      hint: 'Write a number.',
      field: 'epochs',
      status: 400
    });
  });

  it.each([
    ["a proxy's page", new Response('<h1>Bad gateway</h1>', { status: 502, statusText: 'Bad Gateway' }), 'unreachable'],
    ["the core server's own error", Response.json({ message: 'Forbidden', reason: null }, { status: 403 }), 'http-403'],
    ['a log-in page in place of JSON', new Response('<form>', { status: 200 }), 'not-json']
  ])('tells %s from an answer', async (_, response, code) => {
    const server = new FakeServer({ 'GET jobs': () => response });
    await expect(request(server.settings, ['jobs'])).rejects.toMatchObject({ name: 'TrainingError', code });
  });

  it('says that the server cannot be reached', async () => {
    const settings = fakeSettings(() => Promise.reject(new TypeError('Failed to fetch')));
    await expect(request(settings, ['jobs'])).rejects.toMatchObject({ code: 'unreachable', status: 0 });
  });

  it('can be aborted', async () => {
    const server = new FakeServer({ 'GET jobs': () => ({}) });
    const signal = AbortSignal.abort();
    await expect(request(server.settings, ['jobs'], { signal })).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('routeUrl', () => {
  it('keeps the base URL and encodes what stands in a path', () => {
    expect(routeUrl(fakeSettings(), ['jobs', 'a/b c', 'logs'])).toBe(
      'http://server/base/jupyter-mltrain/jobs/a%2Fb%20c/logs'
    );
  });

  it('repeats arrays and leaves out what is empty', () => {
    const query = { phase: ['Running', 'Failed'], text: '', before: null, kind: undefined, limit: 0 };
    expect(routeUrl(fakeSettings(), ['jobs'], query)).toMatch(/\?phase=Running&phase=Failed&limit=0$/);
  });
});

describe('TrainingError.from', () => {
  it('keeps what it is given and takes in anything else', () => {
    const error = new TrainingError({ code: 'x', message: 'y' });
    expect(TrainingError.from(error)).toBe(error);
    expect(TrainingError.from(new Error('boom'))).toMatchObject({ code: 'unknown', message: 'boom' });
    expect(TrainingError.from('words')).toMatchObject({ message: 'words' });
  });
});
