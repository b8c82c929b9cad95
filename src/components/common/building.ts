import type { TranslationBundle } from '@jupyterlab/translation';

import { TrainingError } from '../../request';
import type { BuiltImage, ImageBuild, ImageStep } from '../../types';
import { bytes, seconds } from './format';
import { errorWords } from './words';

/** Return what is done with a piece, and how far it has come: `tensorflow 2.21.0: pushed 120 of 230 MiB`. */
function stepWords(step: ImageStep, trans: TranslationBundle): string {
  const words = progressWords(step, trans);
  return [step.name ? trans.__('%1: %2', step.name, words) : words, step.detail].filter(Boolean).join(' · ');
}

/** Return how far a piece has come, without its name. */
export function progressWords({ step, done, total, state }: ImageStep, trans: TranslationBundle): string {
  if (state !== 'running') {
    return stateWords(step, state, trans);
  }
  if (total > 0) {
    const [amountDone, unit] = bytes(done).split(' ');
    const all = bytes(total);
    const amount = trans.__('%1 of %2', all.endsWith(` ${unit}`) ? amountDone : bytes(done), all);
    const moving: Record<ImageStep['step'], string> = {
      base: trans.__('read %1', amount),
      lock: trans.__('read %1', amount),
      fetch: trans.__('downloaded %1', amount),
      layer: trans.__('packed %1', amount),
      push: trans.__('pushed %1', amount),
      write: trans.__('written %1', amount)
    };
    return moving[step];
  }
  const working: Record<ImageStep['step'], string> = {
    base: trans.__('looking at the base image'),
    lock: trans.__('choosing versions of packages'),
    fetch: trans.__('downloading'),
    layer: trans.__('packing'),
    push: trans.__('pushing'),
    write: trans.__('writing')
  };
  return working[step];
}

function stateWords(step: ImageStep['step'], state: ImageStep['state'], trans: TranslationBundle): string {
  switch (state) {
    case 'cached':
      return trans.__('cached');
    case 'present':
      return trans.__('in registry');
    case 'mounted':
      return trans.__('taken over by the registry');
    default:
      return step === 'push' ? trans.__('pushed') : trans.__('done');
  }
}

/** Return the piece that is worked on: the one that began first, so that it stays the same while others come and go. */
function currentStep({ steps }: ImageBuild): ImageStep | null {
  return steps.find(({ state }) => state === 'running') ?? steps.at(-1) ?? null;
}

/** Return what a build is doing, or what came of it. */
export function buildWords(build: ImageBuild, trans: TranslationBundle): string {
  const { state, cancelling, position, image, error } = build;
  switch (state) {
    case 'waiting':
      return trans.__('Waits for its turn: number %1 in the queue', position ?? 1);
    case 'running': {
      const step = currentStep(build);
      return cancelling ? trans.__('Stopping…') : step ? stepWords(step, trans) : trans.__('Beginning…');
    }
    case 'succeeded':
      return image ? resultWords(image, trans) : '';
    case 'cancelled':
      return trans.__('Cancelled');
    default: {
      const { message, hint } = errorWords(TrainingError.of(error), trans);
      return [message, hint].filter(Boolean).join(' ');
    }
  }
}

/** Return what was made, and what it took: `Image pushed: registry/team/train@sha256:12… · pushed 14 KiB in 0.4 s`. */
function resultWords(image: BuiltImage, trans: TranslationBundle): string {
  const time = seconds(image.seconds);
  return image.reference
    ? trans.__('Image pushed: %1 · pushed %2 in %3', shortened(image.reference), bytes(image.pushed), time)
    : trans.__('Image built: %1 · in %2, into the server’s cache', shortened(image.digest), time);
}

/** Return a reference with the beginning of its digest. */
export function shortened(reference: string): string {
  return reference.replace(/(sha256:[0-9a-f]{12})[0-9a-f]+/, '$1…');
}
