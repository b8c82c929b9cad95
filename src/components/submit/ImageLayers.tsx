import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import { Fragment, useId, useState } from 'react';

import { layerIcons } from '../../icons';
import type { ImageBuild, ImageLayer, ImageStep, PlatformPlan } from '../../types';
import { bytes, progressWords, shortened } from '../common';

/** The layers of the image for one platform: what is in them, how large they are, and who has them. */
export function ImageLayers(props: {
  plan: PlatformPlan;
  /** The build that makes them; null: there is none. */
  build: ImageBuild | null;
  trans: TranslationBundle;
}): JSX.Element {
  const { plan, build, trans } = props;
  const { platform, python, base, baseDigest, layers } = plan;
  const id = useId();
  return (
    <section className="jp-mltrain-Layers" aria-labelledby={`${id}-platform`}>
      <h3 id={`${id}-platform`}>{platform}</h3>
      <p className="jp-mltrain-Quiet">
        {trans.__('Python %1', python)} · <span title={`${base}@${baseDigest}`}>{base}</span> {shortened(baseDigest)}
      </p>
      <table>
        <caption className="jp-mltrain-sr">{trans.__('Layers for %1', platform)}</caption>
        <thead>
          <tr>
            <th scope="col">{trans.__('Layer')}</th>
            <th scope="col">{trans.__('Size')}</th>
            <th scope="col">{trans.__('State')}</th>
          </tr>
        </thead>
        <tbody>
          {layers.map((layer, index) => (
            <Layer key={index} layer={layer} step={stepOf(layer, build)} trans={trans} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Layer(props: { layer: ImageLayer; step: ImageStep | null; trans: TranslationBundle }): JSX.Element {
  const { layer, step, trans } = props;
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const { title, size, contents } = layer;
  const hasMore = contents.length > 1;
  const Caret = isOpen ? caretDownIcon : caretRightIcon;
  return (
    <Fragment>
      <tr>
        <th scope="row">
          {hasMore ? (
            <button
              type="button"
              className="jp-mltrain-Layer-open"
              aria-expanded={isOpen}
              aria-controls={`${id}-contents`}
              onClick={() => setOpen(!isOpen)}
            >
              <Caret.react tag="span" aria-hidden="true" width="16px" height="16px" />
              {titleWords(layer, trans)}
            </button>
          ) : (
            <span title={title}>{titleWords(layer, trans)}</span>
          )}
        </th>
        <td className="jp-mltrain-Layer-size">{size === null ? trans.__('not known yet') : bytes(size)}</td>
        <td>{step ? <Moving step={step} trans={trans} /> : <State layer={layer} trans={trans} />}</td>
      </tr>
      {hasMore && (
        <tr hidden={!isOpen}>
          <td id={`${id}-contents`} colSpan={3} className="jp-mltrain-Layer-contents">
            {isOpen && (
              <ul>
                {contents.map(one => (
                  <li key={one}>{one}</li>
                ))}
              </ul>
            )}
          </td>
        </tr>
      )}
    </Fragment>
  );
}

/** Return what a build does with a layer just now; null: nothing. A base's layers are told by their digests. */
function stepOf({ kind, title, digest }: ImageLayer, build: ImageBuild | null): ImageStep | null {
  const wanted = kind === 'base' ? `base ${digest.slice(7, 19)}` : title;
  return build?.steps.filter(({ name }) => name === wanted).at(-1) ?? null;
}

/** Return what a layer is. The server names wheels and bases; what it makes itself has words of ours. */
function titleWords({ kind, title, contents }: ImageLayer, trans: TranslationBundle): string {
  switch (kind) {
    case 'base':
      return trans.__('Base: %1', title.replace(/^.*\//, ''));
    case 'wheels':
      return trans._n('%1 small package', '%1 small packages', contents.length);
    case 'environment':
      return trans.__('Environment: interpreter, kernel and runner');
    case 'program':
      return trans.__('Program: the notebook and its files');
    default:
      return title;
  }
}

/** Who has a layer, as shape and word. */
function State({ layer, trans }: { layer: ImageLayer; trans: TranslationBundle }): JSX.Element {
  switch (layer.state) {
    case 'present':
      return <ShapeAndWord shape="present" word={trans.__('in registry')} />;
    case 'cached':
      return <ShapeAndWord shape="cached" word={trans.__('cached')} />;
    case 'known':
      return <ShapeAndWord shape="known" word={trans.__('known')} title={knownWords(layer, trans)} />;
    default:
      return <ShapeAndWord shape="missing" word={trans.__('to build')} />;
  }
}

/** Return what it means that a layer is known. */
function knownWords({ kind }: ImageLayer, trans: TranslationBundle): string {
  return kind === 'base'
    ? trans.__('Its digest is known, its bytes are where the base image is: they are fetched, or mounted.')
    : trans.__('Its digest is known, its bytes are elsewhere: they are mounted, fetched or made again.');
}

/** How far a layer has come while it is built. */
function Moving({ step, trans }: { step: ImageStep; trans: TranslationBundle }): JSX.Element {
  const shape = step.state === 'running' ? 'moving' : step.state === 'cached' ? 'cached' : 'present';
  return <ShapeAndWord shape={shape} word={progressWords(step, trans)} />;
}

function ShapeAndWord(props: { shape: keyof typeof layerIcons; word: string; title?: string }): JSX.Element {
  const { shape, word, title } = props;
  const Icon = layerIcons[shape];
  return (
    <span className="jp-mltrain-State" data-state={shape} title={title}>
      <Icon.react tag="span" className="jp-mltrain-State-icon" aria-hidden="true" width="12px" height="12px" />
      <span>{word}</span>
    </span>
  );
}
