import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { Error as ErrorBody } from './types';

/** Where the server extension's routes begin, below the base URL. */
export const NAMESPACE = 'jupyter-mltrain';

/** What a URL's query may hold; undefined and empty are left out, an array repeats its key. */
export type Query = Record<string, string | number | readonly string[] | null | undefined>;

/** What goes with a request. */
export interface IRequest {
  method?: 'GET' | 'POST' | 'DELETE';
  query?: Query;
  /** Sent as JSON. */
  body?: unknown;
  signal?: AbortSignal;
}

/**
 * What went wrong on the way to the server or on it.
 *
 * `message` and `hint` come from the server, for people. Where there was no answer of the server's own, `code` says
 * what happened - `unreachable`, or `http-404` and the like - and whoever shows it finds the words.
 */
export class TrainingError extends Error implements ErrorBody {
  constructor(
    body: Partial<ErrorBody> & { message: string },
    readonly status = 0
  ) {
    super(body.message);
    this.name = 'TrainingError';
    this.code = body.code ?? 'unknown';
    this.hint = body.hint ?? '';
    this.details = body.details ?? {};
  }

  readonly code: string;
  readonly hint: string;
  readonly details: Record<string, unknown>;

  /** The input that is wrong, `''` where the error is not about one. */
  get field(): string {
    return typeof this.details.field === 'string' ? this.details.field : '';
  }

  /** Return an error of which the server has told otherwise than by an answer. */
  static of(body: ErrorBody | null): TrainingError {
    return new TrainingError(body ?? { message: '' });
  }

  /** Return any thrown value as an error of this kind. */
  static from(thrown: unknown): TrainingError {
    if (thrown instanceof TrainingError) {
      return thrown;
    }
    return new TrainingError({ message: thrown instanceof Error ? thrown.message : String(thrown) });
  }
}

/** Return the URL of a route; `parts` are encoded. */
export function routeUrl(settings: ServerConnection.ISettings, parts: readonly string[], query: Query = {}): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value])
      .filter(item => item !== undefined && item !== null && item !== '')
      .map(item => [key, String(item)])
  );
  const search = new URLSearchParams(pairs).toString();
  const path = URLExt.join(settings.baseUrl, NAMESPACE, ...parts.map(encodeURIComponent));
  return search ? `${path}?${search}` : path;
}

/**
 * Call a route and return the answer's JSON, undefined for an answer without a body.
 *
 * @throws TrainingError
 * @throws DOMException `AbortError`, if the signal says so
 */
export async function request<T>(
  settings: ServerConnection.ISettings,
  parts: readonly string[],
  options: IRequest = {}
): Promise<T> {
  const response = await send(settings, parts, options);
  const text = await response.text();
  const value = parse(text);
  if (text && value === undefined) {
    throw new TrainingError({ code: 'not-json', message: 'The answer is not JSON' }, response.status);
  }
  return value as T;
}

/**
 * Call a route and return the answer's bytes.
 *
 * @throws TrainingError
 * @throws DOMException `AbortError`, if the signal says so
 */
export async function requestBytes(
  settings: ServerConnection.ISettings,
  parts: readonly string[],
  options: IRequest = {}
): Promise<Blob> {
  const response = await send(settings, parts, options);
  try {
    return await response.blob();
  } catch (error) {
    throw unreachable(error, options.signal); // the connection broke on the way
  }
}

/** Return the answer of a route that says that all is well. */
async function send(
  settings: ServerConnection.ISettings,
  parts: readonly string[],
  { method = 'GET', query, body, signal }: IRequest
): Promise<Response> {
  const init: RequestInit = { method, signal: signal ?? null };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { 'Content-Type': 'application/json' };
  }
  let response: Response;
  try {
    response = await ServerConnection.makeRequest(routeUrl(settings, parts, query), init, settings);
  } catch (error) {
    throw unreachable(error, signal);
  }
  if (!response.ok) {
    throw new TrainingError(errorBody(parse(await response.text())) ?? foreign(response), response.status);
  }
  return response;
}

function unreachable(error: unknown, signal?: AbortSignal): Error {
  return signal?.aborted
    ? new DOMException('Aborted', 'AbortError')
    : new TrainingError({ code: 'unreachable', message: (error as Error).message });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorBody(value: unknown): ErrorBody | undefined {
  const body = value as Partial<ErrorBody> | undefined | null;
  return typeof body?.code === 'string' && typeof body.message === 'string' ? (body as ErrorBody) : undefined;
}

/** What proxies answer while there is no server behind them. */
const AWAY = [502, 503, 504];

/** An answer of a proxy, of the hub or of the server's core: its words are pages, so only the status counts. */
function foreign({ status, statusText }: Response): Partial<ErrorBody> & { message: string } {
  const code = AWAY.includes(status) ? 'unreachable' : `http-${status}`;
  return { code, message: `${status} ${statusText}`.trim() };
}
