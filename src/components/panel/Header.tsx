import type { TranslationBundle } from '@jupyterlab/translation';
import { addIcon, refreshIcon, type LabIcon } from '@jupyterlab/ui-components';

/** The panel's title with its two buttons. */
export function Header(props: { onSubmit: () => void; onRefresh: () => void; trans: TranslationBundle }): JSX.Element {
  const { onSubmit, onRefresh, trans } = props;
  const button = (label: string, Icon: LabIcon, onClick: () => void): JSX.Element => (
    <button type="button" className="jp-mltrain-IconButton" title={label} aria-label={label} onClick={onClick}>
      <Icon.react tag="span" aria-hidden="true" width="16px" height="16px" />
    </button>
  );
  return (
    <div className="jp-mltrain-PanelHeader">
      <h2>{trans.__('Training')}</h2>
      {button(trans.__('Submit the open notebook as training job'), addIcon, onSubmit)}
      {button(trans.__('Refresh'), refreshIcon, onRefresh)}
    </div>
  );
}
