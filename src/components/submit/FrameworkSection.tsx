import { useId } from 'react';

import type { PlacesModel } from '../../services/places';
import type { Inventory } from '../../types';
import { useModel } from '../hooks';
import { gpusOf, placeOf } from '../common';
import { countText, removeExtra, setField } from './draft';
import { Field, SelectField, TextField, useForm } from './fields';
import type { SubmitModel } from './model';
import { FRAMEWORKS, ROLES, SINGLE, STRATEGIES, type Framework } from './roles';
import { ANY_GPU } from './submission';
import { frameworkWords, freeWords, roleWords, strategyWords, whyNoGpu } from './words';

/** What kind of job it is, and its replicas. */
export function FrameworkSection({ model, places }: { model: SubmitModel; places: PlacesModel }): JSX.Element {
  const { draft, trans } = useForm();
  const { framework, detected, place, isPlanning } = useModel(model);
  const { backends } = useModel(places);
  const backend = placeOf(backends, place);
  const inventory = backend && places.inventory(backend.name);
  const found = detected
    ? trans.__('%1, found by the imports', frameworkWords(detected, trans))
    : trans.__('Found by the imports');
  return (
    <>
      <div className="jp-mltrain-Columns">
        <SelectField
          path="framework"
          label={trans.__('Framework')}
          options={[['', found], ...FRAMEWORKS.map(one => [one, frameworkWords(one, trans)] as const)]}
        />
        {framework === 'tensorflow' && (
          <SelectField
            path="strategy"
            label={trans.__('Strategy')}
            options={[
              ['', trans.__('As the notebook says')],
              ...STRATEGIES.map(one => [one, strategyWords(one, trans)] as const)
            ]}
          />
        )}
      </div>
      {framework ? (
        <Roles framework={framework} inventory={inventory} whyNot={whyNoGpu(backend, inventory, trans)} />
      ) : (
        <p className="jp-mltrain-Quiet">
          {isPlanning
            ? trans.__('Looking at the imports…')
            : trans.__('What the notebook imports is not known: the checks say why. A framework can be chosen here.')}
        </p>
      )}
      <Extra extra={draft.extra} />
    </>
  );
}

/** A row for each role. */
function Roles(props: { framework: Framework; inventory: Inventory | null; whyNot: string }): JSX.Element {
  const { framework, inventory, whyNot } = props;
  const { trans } = useForm();
  const id = useId();
  return (
    <>
      <div className="jp-mltrain-Roles" role="group" aria-label={trans.__('Replicas')}>
        <div className="jp-mltrain-Roles-head" aria-hidden="true">
          <span>{trans.__('Role')}</span>
          <span>{trans.__('Count')}</span>
          <span>{trans.__('CPU')}</span>
          <span>{trans.__('Memory')}</span>
          <span>{trans.__('GPU')}</span>
        </div>
        {ROLES[framework].map(role => (
          <RoleRow
            key={role}
            framework={framework}
            role={role}
            inventory={inventory}
            whyNot={whyNot ? `${id}-why` : undefined}
          />
        ))}
      </div>
      {whyNot && (
        <p id={`${id}-why`} className="jp-mltrain-Field-help">
          {trans.__('No GPU can be chosen: %1', whyNot)}
        </p>
      )}
    </>
  );
}

function RoleRow(props: {
  framework: Framework;
  role: string;
  inventory: Inventory | null;
  /** Id of the text that says why there is no GPU. */
  whyNot: string | undefined;
}): JSX.Element {
  const { framework, role, inventory, whyNot } = props;
  const { draft, trans } = useForm();
  const count = countText(draft, framework, role);
  const isAbsent = count.trim() === '0';
  const noLimit = trans.__('no limit');
  const field = { bare: true, disabled: isAbsent };
  return (
    <div className="jp-mltrain-Role" role="group" aria-label={role} data-absent={isAbsent || undefined}>
      <div className="jp-mltrain-Role-name">
        <span>{role}</span>
        <span className="jp-mltrain-Field-help">{roleWords(role, trans)}</span>
      </div>
      {SINGLE.includes(role) ? (
        <One framework={framework} role={role} />
      ) : (
        <TextField path={`roles.${role}.replicas`} label={of(role, trans.__('count'))} value={count} bare isNumber />
      )}
      <TextField
        {...field}
        path={`roles.${role}.resources.cpu`}
        label={of(role, trans.__('CPU'))}
        placeholder={noLimit}
      />
      <TextField
        {...field}
        path={`roles.${role}.resources.memory`}
        label={of(role, trans.__('memory'))}
        placeholder={noLimit}
      />
      <Gpu role={role} inventory={inventory} whyNot={whyNot} isAbsent={isAbsent} />
    </div>
  );
}

/** A label that says of which role, to those who do not see the row. */
function of(role: string, what: string): JSX.Element {
  return (
    <>
      <span className="jp-mltrain-sr">{role} </span>
      {what}
    </>
  );
}

/** A role that is there once or not at all. */
function One({ framework, role }: { framework: Framework; role: string }): JSX.Element {
  const { draft, edit, trans } = useForm();
  const path = `roles.${role}.replicas`;
  return (
    <Field path={path} label={of(role, trans.__('count'))} bare>
      {control => (
        <input
          {...control}
          type="checkbox"
          checked={countText(draft, framework, role).trim() !== '0'}
          onChange={({ target }) => edit(setField(path, target.checked ? '1' : '0'))}
        />
      )}
    </Field>
  );
}

function Gpu(props: {
  role: string;
  inventory: Inventory | null;
  whyNot: string | undefined;
  isAbsent: boolean;
}): JSX.Element {
  const { role, inventory, whyNot, isAbsent } = props;
  const { draft, edit, trans } = useForm();
  const path = `roles.${role}.resources.gpu`;
  const product = draft.fields[`${path}.product`] ?? '';
  const gpus = gpusOf(inventory);
  const isKnown = product === '' || product === ANY_GPU || gpus.some(gpu => gpu.product === product);
  // What was chosen elsewhere can be taken away also where there is none.
  const isOff = isAbsent || (whyNot !== undefined && product === '');
  return (
    <div className="jp-mltrain-Gpu">
      <Field path={`${path}.product`} label={of(role, trans.__('GPU'))} bare>
        {control => (
          <select
            {...control}
            className="jp-mltrain-Select"
            value={product}
            disabled={isOff}
            aria-describedby={[whyNot, control['aria-describedby']].filter(Boolean).join(' ') || undefined}
            onChange={({ target }) => edit(setField(`${path}.product`, target.value || null))}
          >
            <option value="">{trans.__('none')}</option>
            {gpus.map(gpu => (
              <option key={gpu.product} value={gpu.product}>
                {`${gpu.product}: ${freeWords(gpu, trans)}`}
              </option>
            ))}
            {(gpus.length > 0 || product === ANY_GPU) && <option value={ANY_GPU}>{trans.__('any product')}</option>}
            {!isKnown && <option value={product}>{trans.__('%1: none here', product)}</option>}
          </select>
        )}
      </Field>
      {product !== '' && (
        <TextField path={`${path}.count`} label={of(role, trans.__('GPUs each'))} value="1" bare isNumber />
      )}
    </div>
  );
}

/** What another job's spec has brought that the form has no field for. */
function Extra({ extra }: { extra: Readonly<Record<string, unknown>> }): JSX.Element | null {
  const { edit, trans } = useForm();
  const names = Object.keys(extra);
  if (names.length === 0) {
    return null;
  }
  return (
    <ul className="jp-mltrain-Words" aria-label={trans.__('Taken over from the job')}>
      {names.map(name => (
        <li key={name}>
          {trans.__('Taken over from the job:')} <code>{`${name} = ${JSON.stringify(extra[name])}`}</code>{' '}
          <button type="button" className="jp-mltrain-Link" onClick={() => edit(removeExtra(name))}>
            {trans.__('Remove')}
          </button>
        </li>
      ))}
    </ul>
  );
}
