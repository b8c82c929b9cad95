import { UUID } from '@lumino/coreutils';

import type { ImageBuild, ImageRequest } from '../types';
import type { Api } from './api';
import type { IChannel } from './channel';
import { insist } from './insist';
import type { TopicData } from './snapshots';
import { TopicModel } from './topic';

/** The code of builds that the server knows nothing of any more, since it was started again. */
export const LOST = 'build-lost';

/** Whether a build goes on, or will. */
export function isActive({ state }: ImageBuild): boolean {
  return state === 'waiting' || state === 'running';
}

/** The builds of images on the server, newest first: those of all its pages. */
export class ImagesModel extends TopicModel {
  constructor(
    private readonly _api: Api,
    channel: IChannel
  ) {
    super(channel, 'images');
  }

  get builds(): readonly ImageBuild[] {
    return this._builds;
  }

  /** Whether a build was begun from this page. */
  isMine(id: string): boolean {
    return this._mine.has(id);
  }

  /** Return the build of a notebook that goes on, else its last one. */
  of(notebook: string): ImageBuild | null {
    const builds = this._builds.filter(build => build.notebook === notebook);
    return builds.find(isActive) ?? builds[0] ?? null;
  }

  /** Begin a build. */
  async start(wanted: ImageRequest): Promise<ImageBuild> {
    const once = { ...wanted, token: wanted.token ?? UUID.uuid4() };
    const build = await insist(() => this._api.buildImage(once));
    this._mine.add(build.id);
    // What was pushed meanwhile is newer than the answer.
    if (!this._builds.some(({ id }) => id === build.id)) {
      this._builds = [build, ...this._builds];
    }
    this.emitChanged();
    return build;
  }

  /** Resolves when a build has ended; never, where this page hears no more of it. */
  ended(id: string): Promise<ImageBuild> {
    return new Promise(resolve => {
      const look = (): void => {
        const build = this._builds.find(one => one.id === id);
        if (build && !isActive(build)) {
          this.changed.disconnect(look);
          resolve(build);
        }
      };
      this.changed.connect(look);
      look();
    });
  }

  /** Have a build stop. */
  cancel(id: string): Promise<void> {
    return this._api.deleteImage(id);
  }

  protected take(data: TopicData): boolean {
    switch (data.type) {
      case 'images': {
        const lost = this._builds.filter(build => isActive(build) && !data.builds.some(({ id }) => id === build.id));
        this._builds = [...lost.map(ended), ...data.builds];
        return true;
      }
      case 'imagesChanged': {
        const changed = new Map(data.changed.map(build => [build.id, build]));
        const known = this._builds.map(build => changed.get(build.id) ?? build);
        known.forEach(({ id }) => changed.delete(id));
        this._builds = [...changed.values(), ...known];
        return true;
      }
      default:
        return false;
    }
  }

  private _builds: readonly ImageBuild[] = [];
  private readonly _mine = new Set<string>();
}

/** Return a build that ended with the server that ran it. */
function ended(build: ImageBuild): ImageBuild {
  const error = { code: LOST, message: 'The server was started again', hint: '', details: {} };
  return { ...build, state: 'failed', position: null, cancelling: false, steps: [], error };
}
