import { useModel } from '../hooks';
import { TextField, useForm } from './fields';
import type { SubmitModel } from './model';
import { ParameterField } from './ParameterField';
import { Requirements } from './Requirements';

/** The job's name, the notebook's parameters, and what it needs installed. */
export function NotebookSection({ model }: { model: SubmitModel }): JSX.Element {
  const { trans } = useForm();
  const { form, plan } = useModel(model);
  return (
    <>
      {form?.map(parameter => (
        <ParameterField key={parameter.name} parameter={parameter} />
      ))}
      {form?.length === 0 && (
        <p className="jp-mltrain-Quiet">
          {trans.__('No cell of this notebook is tagged “parameters”: it runs as it is.')}
        </p>
      )}
      {form === null && model.isPlanning && <p className="jp-mltrain-Quiet">{trans.__('Reading the notebook…')}</p>}
      <TextField
        path="name"
        label={trans.__('Job name')}
        placeholder={plan && !model.draft.fields.name ? plan.name : trans.__('Made from the notebook’s name')}
      />
      {plan && <Requirements requirements={plan.requirements} />}
    </>
  );
}
