import type { TranslationBundle } from '@jupyterlab/translation';

import { phaseIcons } from '../../icons';
import { phaseWord } from './words';

/** A phase as shape, word and colour. `bare`: the word is for screen readers and the tooltip only. */
export function StateIcon(props: {
  phase: string;
  trans: TranslationBundle;
  /** Another word than the phase's own. */
  word?: string;
  bare?: boolean;
}): JSX.Element {
  const { phase, trans, bare = false } = props;
  const Icon = phaseIcons[phase] ?? phaseIcons.Created;
  const word = props.word ?? phaseWord(phase, trans);
  return (
    <span className="jp-mltrain-State" data-phase={phase} title={word}>
      <Icon.react tag="span" className="jp-mltrain-State-icon" aria-hidden="true" width="12px" height="12px" />
      <span className={bare ? 'jp-mltrain-sr' : 'jp-mltrain-State-word'}>{word}</span>
    </span>
  );
}
