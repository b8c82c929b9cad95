import type { Job } from '../../types';

/** Names an image that nobody has built: RFC 2606 keeps `.invalid` free for that. */
const NO_IMAGE = /^[^/]+\.invalid\//;

interface IManifestPart {
  spec?: { containers?: readonly { image?: unknown }[] };
}

/** Return the image that a job's replicas run; `''` where they run in the machine's own environment. */
export function imageOf({ manifest }: Pick<Job, 'manifest'>): string {
  const image = podTemplates(manifest)
    .flatMap(({ spec }) => spec?.containers ?? [])
    .map(container => container.image)
    .find(name => typeof name === 'string');
  return isBuilt(image) ? image : '';
}

/** Whether a text names an image that there is. */
export function isBuilt(image: unknown): image is string {
  return typeof image === 'string' && image !== '' && !NO_IMAGE.test(image);
}

/** Return an image's digest, short, as git and docker shorten it; its tag, if it is not named by digest. */
export function shortImage(image: string): string {
  const [, digest] = /@sha256:([0-9a-f]{12})/.exec(image) ?? [];
  return digest ? `sha256:${digest}` : image.slice(image.lastIndexOf('/') + 1);
}

/** Return the pod templates of a TFJob, a PyTorchJob or a Job. */
function podTemplates(manifest: Job['manifest']): IManifestPart[] {
  const spec = (manifest.spec ?? {}) as Record<string, unknown>;
  const roles = spec.tfReplicaSpecs ?? spec.pytorchReplicaSpecs ?? { Worker: spec };
  return Object.values(roles as Record<string, { template?: IManifestPart } | null>).flatMap(
    role => role?.template ?? []
  );
}
