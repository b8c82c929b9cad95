import { refreshIcon } from '@jupyterlab/ui-components';
import { useId } from 'react';

import type { PlacesModel } from '../../services/places';
import type { BackendInfo } from '../../types';
import { ErrorBanner, placeOf } from '../common';
import { useModel } from '../hooks';
import { setBackend } from './draft';
import { TextField, useForm } from './fields';
import type { SubmitModel } from './model';
import { inventoryWords } from './words';

/** The place where the job runs, and what goes where. */
export function WhereSection({ model, places }: { model: SubmitModel; places: PlacesModel }): JSX.Element {
  const { trans } = useForm();
  const { backends, error } = useModel(places);
  const { place, plan, draft } = useModel(model);
  const chosen = placeOf(backends, place);
  return (
    <>
      {!backends && <ErrorBanner error={error} trans={trans} onRetry={() => void places.refresh()} />}
      <div className="jp-mltrain-Places" role="radiogroup" aria-label={trans.__('Where')}>
        {backends?.map(backend => (
          <Place key={backend.name} backend={backend} isChosen={backend === chosen} places={places} />
        ))}
      </div>
      {chosen && chosen.name !== 'local' && (
        <div className="jp-mltrain-Columns">
          <TextField path="namespace" label={trans.__('Namespace')} placeholder="default" />
          {chosen.images && (
            <TextField path="image" label={trans.__('Image')} placeholder={trans.__('Built of the notebook')} />
          )}
        </div>
      )}
      <ul className="jp-mltrain-Words">
        <li>{program(chosen, plan?.files ?? [])}</li>
        <li>{outputs()}</li>
      </ul>
    </>
  );

  function program(at: BackendInfo | null, files: readonly string[]): string {
    const where =
      at?.name === 'local'
        ? trans.__(
            'The notebook is frozen as it is saved now, and runs on this machine in its kernel’s own environment.'
          )
        : trans.__('The notebook is frozen as it is saved now, and sent there.');
    return files.length ? `${where} ${trans.__('With it goes: %1.', files.join(', '))}` : where;
  }

  function outputs(): string {
    const uri = draft.fields.output_uri?.trim();
    return uri
      ? trans.__('The executed notebook and what the run saves go to %1.', uri)
      : trans.__('The executed notebook, the log and what the run saves are kept with the job, until it is deleted.');
  }
}

function Place(props: { backend: BackendInfo; isChosen: boolean; places: PlacesModel }): JSX.Element {
  const { backend, isChosen, places } = props;
  const { edit, trans } = useForm();
  const id = useId();
  const inventory = places.inventory(backend.name);
  const words = backend.available ? inventory && inventoryWords(inventory, trans) : backend.why;
  return (
    <div className="jp-mltrain-Place">
      <input
        type="radio"
        id={id}
        name={`${id}-place`}
        checked={isChosen}
        disabled={!backend.available && !isChosen}
        aria-describedby={words ? `${id}-words` : undefined}
        onChange={() => edit(setBackend(backend.name))}
      />
      <label htmlFor={id}>{backend.title}</label>
      {words && (
        <p id={`${id}-words`} className="jp-mltrain-Field-help">
          {words}
        </p>
      )}
      {!backend.available && (
        <button
          type="button"
          className="jp-mltrain-IconButton"
          title={trans.__('Try again')}
          aria-label={trans.__('Try to reach %1 again', backend.title)}
          onClick={() => void places.refresh()}
        >
          <refreshIcon.react tag="span" aria-hidden="true" width="14px" height="14px" />
        </button>
      )}
    </div>
  );
}
