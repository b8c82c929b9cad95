import { useModel } from '../hooks';
import { countsOf } from './draft';
import { CheckField, SelectField, TextField, useForm } from './fields';
import type { SubmitModel } from './model';
import { CLEAN_POD_POLICIES, RESTART_POLICIES } from './roles';

/** Limits, retries and clean-up. */
export function PolicySection({ model }: { model: SubmitModel }): JSX.Element {
  const { draft, trans } = useForm();
  const { framework } = useModel(model);
  const cleanUps: Record<string, string> = {
    Running: trans.__('Pods that run (default)'),
    All: trans.__('All pods'),
    None: trans.__('No pods')
  };
  const policies: Record<string, string> = {
    Never: trans.__('A failure ends the job.'),
    OnFailure: trans.__('Again after a failure.'),
    Always: trans.__('Again, whatever happened.'),
    ExitCode: trans.__('Again after exit codes from 128 on; others end the job.')
  };
  return (
    <>
      <div className="jp-mltrain-Columns">
        <TextField
          path="run_policy.active_deadline_seconds"
          label={trans.__('Time limit')}
          placeholder={trans.__('none')}
          help={trans.__('Such as 90 s, 30 m, 2 h: then the job fails.')}
        />
        <TextField
          path="run_policy.backoff_limit"
          label={trans.__('Retries')}
          placeholder={trans.__('default')}
          help={trans.__('Restarts of all replicas together, after which the job fails.')}
          isNumber
        />
        <TextField
          path="run_policy.ttl_seconds_after_finished"
          label={trans.__('Delete after its end')}
          placeholder={trans.__('never')}
          help={trans.__('Such as 1 d: then the job goes, with its outputs.')}
        />
        {framework !== 'none' && (
          <SelectField
            path="run_policy.clean_pod_policy"
            label={trans.__('Removed at the end')}
            options={CLEAN_POD_POLICIES.map((policy, index) => [index ? policy : '', cleanUps[policy]])}
          />
        )}
        {framework &&
          [...countsOf(draft, framework).keys()].map(role => (
            <SelectField
              key={role}
              path={`roles.${role}.restart_policy`}
              label={trans.__('Restart of %1', role)}
              help={policies[draft.fields[`roles.${role}.restart_policy`] || RESTART_POLICIES[framework][0]]}
              options={RESTART_POLICIES[framework].map((policy, index) => [
                index ? policy : '',
                index ? policy : trans.__('%1 (default)', policy)
              ])}
            />
          ))}
      </div>
      <CheckField
        path="run_policy.suspend"
        label={trans.__('Create it suspended')}
        help={trans.__('It waits until it is resumed.')}
      />
    </>
  );
}
