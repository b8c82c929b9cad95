import type { BuiltImage, ImageBuild, ImagePlan, ImageStep } from '../types';

export const DIGEST = `sha256:${'12'.repeat(32)}`;

/** A step: `120` of `230` bytes are pushed. */
export function step(changes: Partial<ImageStep> = {}): ImageStep {
  return { step: 'push', name: 'tensorflow 2.21.0', done: 120, total: 230, state: 'running', detail: '', ...changes };
}

/** A build that runs. */
export function build(id: string, changes: Partial<ImageBuild> = {}): ImageBuild {
  return {
    id,
    notebook: 'work/train.ipynb',
    repository: 'registry.example.com/team/train',
    program: '',
    state: 'running',
    cancelling: false,
    position: null,
    createdAt: '2030-01-01T12:00:00Z',
    startedAt: '2030-01-01T12:00:00Z',
    finishedAt: '',
    steps: [],
    fraction: null,
    image: null,
    error: null,
    ...changes
  };
}

/** What came of a build. */
export function built(changes: Partial<BuiltImage> = {}): BuiltImage {
  return {
    digest: DIGEST,
    reference: `registry.example.com/team/train@${DIGEST}`,
    platforms: { 'linux/amd64': DIGEST },
    pushed: 14_336,
    mounted: 0,
    present: 0,
    fetched: 0,
    seconds: 0.4,
    ...changes
  };
}

/** A plan of three layers, one in each state that there is a word for. */
export function imagePlan(changes: Partial<ImagePlan> = {}): ImagePlan {
  const layer = { digest: '', contents: [] };
  return {
    name: 'train',
    program: 'sha256:1',
    repository: 'registry.example.com/team/train',
    platforms: [
      {
        platform: 'linux/amd64',
        base: 'docker.io/library/python:3.11-slim',
        baseDigest: DIGEST,
        python: '3.11.9',
        lock: DIGEST,
        packages: ['numpy 1.26.4', 'six 1.17.0', 'tensorflow 2.21.0'],
        layers: [
          { ...layer, kind: 'base', title: 'python:3.11-slim', state: 'present', size: 50 * 2 ** 20 },
          { ...layer, kind: 'wheel', title: 'tensorflow 2.21.0', state: 'cached', size: 230 * 2 ** 20 },
          {
            ...layer,
            kind: 'wheels',
            title: 'small packages',
            state: 'new',
            size: null,
            contents: ['numpy 1.26.4', 'six 1.17.0']
          }
        ],
        fetch: 120 * 2 ** 20,
        push: 14 * 2 ** 10
      }
    ],
    findings: [],
    notes: [],
    refused: false,
    ...changes
  };
}
