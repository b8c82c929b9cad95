import { TrainingError } from '../request';
import type { Message } from '../types';
import type { Api } from './api';

/** What a topic brings. */
export type TopicData = Exclude<Message['data'], { type: 'pong' }>;

/** Default number of rows and of lines in a snapshot, as on the socket. */
const ROWS = 200;
const LINES = 1000;

/**
 * Reads by REST what a topic's snapshot would bring: the way of a client whose sockets are refused.
 *
 * @throws TrainingError
 */
export async function readSnapshot(api: Api, topic: string, limit?: number): Promise<TopicData> {
  const [kind, id = '', replica = ''] = topic.split('/');
  switch (kind) {
    case 'jobs':
      return { type: 'jobs', list: await api.jobs({}, limit ?? ROWS) };
    case 'images':
      return { type: 'images', builds: (await api.images()).builds };
    case 'job':
      return readJob(api, id);
    case 'notebook':
      return readNotebook(api, id);
    case 'metrics':
      return { type: 'metrics', metrics: (await api.metrics(id)).metrics };
    case 'log': {
      const { lines, cursor, truncated } = await api.log(id, replica, { tail: limit ?? LINES });
      return { type: 'log', lines, cursor, truncated, ended: false };
    }
    default:
      throw new TrainingError({ code: 'not-found', message: `There is no topic ${topic}` });
  }
}

async function readJob(api: Api, id: string): Promise<TopicData> {
  try {
    return { type: 'job', job: await api.job(id) };
  } catch (error) {
    if (error instanceof TrainingError && error.status === 404) {
      return { type: 'jobDeleted', id };
    }
    throw error;
  }
}

/** The route gives the notebook as it would be saved; which cell runs is known from the job's progress. */
async function readNotebook(api: Api, id: string): Promise<TopicData> {
  const [notebook, job] = await Promise.all([api.notebook(id), api.job(id)]);
  const { progress, why } = job.summary;
  const cells = (notebook.cells ?? []) as Record<string, unknown>[];
  return {
    type: 'notebook',
    notebook: {
      metadata: (notebook.metadata ?? {}) as Record<string, unknown>,
      cells: cells.map((cell, index) => ({
        cell,
        status: cellStatus(cell, index === progress?.running),
        seconds: null,
        startedAt: null
      })),
      progress,
      error: job.summary.phase === 'Failed' ? why : ''
    }
  };
}

function cellStatus(cell: Record<string, unknown>, running: boolean): 'pending' | 'running' | 'completed' | 'failed' {
  if (running) {
    return 'running';
  }
  const outputs = (cell.outputs ?? []) as { output_type?: string }[];
  if (outputs.some(output => output.output_type === 'error')) {
    return 'failed';
  }
  return cell.execution_count ? 'completed' : 'pending';
}
