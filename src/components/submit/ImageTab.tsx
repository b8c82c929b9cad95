import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useId } from 'react';

import { isActive } from '../../services/images';
import type { BackendInfo, ImageBuild, ImagePlan } from '../../types';
import { buildWords, bytes, Empty, ErrorBanner } from '../common';
import { useModel } from '../hooks';
import { CopyButton } from '../job/CopyButton';
import { FindingList } from './Checks';
import { ImageForm, isOfField } from './ImageForm';
import { ImageLayers } from './ImageLayers';
import { isSame, type ImageModel } from './image-model';
import type { IPreviewProps } from './Preview';

/** What the notebook's image would be, and its builds. */
export function ImageTab(props: IPreviewProps & { place: BackendInfo | null; isShown: boolean }): JSX.Element {
  const { model, services, trans, place, isShown } = props;
  const { isPlanning } = useModel(model);
  const image = useModel(model.image);
  useModel(services.manager.images);
  useEffect(() => {
    if (isShown && !isPlanning) {
      void image.load();
    }
  });
  const { build, plan, error } = image;
  return (
    <div className="jp-mltrain-Image" aria-busy={image.isPlanning}>
      {place && !place.images && (
        <p className="jp-mltrain-Quiet">
          {trans.__('%1 needs no image: the notebook runs in its kernel’s own environment.', place.title)}
        </p>
      )}
      <ImageForm image={image} trans={trans} />
      <Actions image={image} trans={trans} />
      {image.refusal && !isOfField(image.refusal) && !isSame(image.refusal, error) && (
        <ErrorBanner error={image.refusal} trans={trans} />
      )}
      {build && <Build build={build} trans={trans} />}
      {error && !image.isPlanning && !isOfField(error) && (
        <ErrorBanner error={error} trans={trans} onRetry={() => image.retry()} />
      )}
      {!plan && (image.isPlanning || !error) && (
        <Empty title={trans.__('Looking at the base image and the packages…')}>
          <p>{trans.__('The first time this takes some seconds. Nothing is built yet.')}</p>
        </Empty>
      )}
      {plan && (
        <Plan plan={plan} build={build} isStale={image.isPlanning} trans={trans} onRefresh={() => image.retry(true)} />
      )}
    </div>
  );
}

function Actions({ image, trans }: { image: ImageModel; trans: TranslationBundle }): JSX.Element {
  const { repository, plan, build, isPlanning, isStarting } = image;
  const isBusy = isStarting || (build !== null && isActive(build));
  const why = obstacleWords(image, trans);
  const id = useId();
  if (build && isActive(build)) {
    return (
      <div className="jp-mltrain-ImageActions">
        <button
          type="button"
          className="jp-mltrain-Button"
          disabled={build.cancelling}
          onClick={() => void image.cancel()}
        >
          {build.cancelling ? trans.__('Stopping…') : trans.__('Cancel the build')}
        </button>
      </div>
    );
  }
  const start = (push: boolean): void => {
    if (!isBusy && !(push && why)) {
      void image.start(push, plan?.refused);
    }
  };
  return (
    <div className="jp-mltrain-ImageActions">
      <button
        type="button"
        className="jp-mltrain-Button jp-mod-accept"
        aria-disabled={why !== '' || isBusy || undefined}
        aria-describedby={`${id}-why`}
        title={trans.__('Build, and push to %1', repository || trans.__('a repository'))}
        onClick={() => start(true)}
      >
        {plan?.refused ? trans.__('Build and push anyway') : trans.__('Build and push')}
      </button>
      <button
        type="button"
        className="jp-mltrain-Button"
        aria-disabled={isBusy || undefined}
        title={trans.__('Build into the server’s cache, and push nothing')}
        onClick={() => start(false)}
      >
        {plan?.refused ? trans.__('Build anyway') : trans.__('Build')}
      </button>
      <p id={`${id}-why`} className="jp-mltrain-Quiet" role="status">
        {isStarting ? trans.__('Beginning…') : why || (isPlanning ? trans.__('Looking…') : totalWords(plan, trans))}
      </p>
    </div>
  );
}

/** Return why nothing can be pushed; `''`: it can. */
function obstacleWords({ repository }: ImageModel, trans: TranslationBundle): string {
  return repository ? '' : trans.__('To push it, name a repository.');
}

/** Return what would travel. */
function totalWords(plan: ImagePlan | null, trans: TranslationBundle): string {
  if (!plan) {
    return '';
  }
  const [fetch, push] = [sum(plan.platforms.map(one => one.fetch)), sum(plan.platforms.map(one => one.push))];
  const parts = [
    fetch === null ? trans.__('to download: an unknown size') : trans.__('to download %1', bytes(fetch)),
    plan.repository &&
      (push === null ? trans.__('to push: known once it is built') : trans.__('to push %1', bytes(push)))
  ];
  const words = parts.filter(Boolean).join(', ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Return a sum; null where one is not known. */
function sum(values: readonly (number | null)[]): number | null {
  return values.reduce((all, value) => (all === null || value === null ? null : all + value), 0);
}

/** The build that goes on, or what came of the last one. */
function Build({ build, trans }: { build: ImageBuild; trans: TranslationBundle }): JSX.Element {
  const { state, fraction, image } = build;
  return (
    <div className="jp-mltrain-ImageBuild" data-state={state}>
      {/* What moves is not read out loud: the bar is there for that. */}
      <p role={isActive(build) ? undefined : state === 'failed' ? 'alert' : 'status'}>{buildWords(build, trans)}</p>
      {isActive(build) && (
        <progress max={1} value={fraction ?? undefined} aria-label={trans.__('Progress of the build')} />
      )}
      {image && (
        <CopyButton
          text={image.reference || image.digest}
          what={image.reference ? trans.__('reference') : trans.__('digest')}
          trans={trans}
        />
      )}
    </div>
  );
}

function Plan(props: {
  plan: ImagePlan;
  build: ImageBuild | null;
  /** It is of what was said before: it is looked at anew. */
  isStale: boolean;
  trans: TranslationBundle;
  onRefresh: () => void;
}): JSX.Element {
  const { plan, build, isStale, trans, onRefresh } = props;
  return (
    <div className="jp-mltrain-ImagePlan" data-stale={isStale || undefined}>
      <FindingList findings={plan.findings} trans={trans} />
      {plan.notes.length > 0 && (
        <ul className="jp-mltrain-Words" aria-label={trans.__('Notes')}>
          {plan.notes.map(note => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      {plan.platforms.map(one => (
        <ImageLayers key={one.platform} plan={one} build={build} trans={trans} />
      ))}
      <p>
        <button type="button" className="jp-mltrain-Link" onClick={onRefresh}>
          {trans.__('Look again which image the base’s tag means')}
        </button>
      </p>
    </div>
  );
}
