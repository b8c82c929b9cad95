import type { TranslationBundle } from '@jupyterlab/translation';
import { checkIcon, errorIcon, infoIcon, warningIcon } from './icons';

import type { Finding } from '../../types';
import { Empty, ErrorBanner } from '../common';
import { useModel } from '../hooks';
import { applyFix, canApply } from './fixes';
import type { SubmitModel } from './model';
import { fieldOf } from './problems';
import { severityWord, whereWords } from './words';

/** What the checks say, each with what to do about it. */
export function Checks(props: {
  model: SubmitModel;
  trans: TranslationBundle;
  /** Show a field of the form. */
  onField: (field: string) => void;
}): JSX.Element {
  const { model, trans, onField } = props;
  const { plan, error, isPlanning, draft } = useModel(model);
  const problems = isPlanning ? [] : model.problems.filter(({ field }) => field);
  if (problems.length > 0) {
    const findings = problems.map(({ field, message, hint }): Finding => {
      return { code: 'field', severity: 'error', message, hint, where: { field }, fix: {} };
    });
    return (
      <div className="jp-mltrain-Checks">
        <FindingList
          findings={findings}
          trans={trans}
          onField={onField}
          fieldOf={({ where }) => where.field as string}
        />
      </div>
    );
  }
  if (error && !isPlanning) {
    return <ErrorBanner error={error} trans={trans} onRetry={() => void model.replan()} />;
  }
  if (!plan) {
    return <Empty title={trans.__('Checking…')} />;
  }
  const { notes } = plan;
  const findings = worstFirst(plan.findings);
  return (
    <div className="jp-mltrain-Checks">
      {findings.length === 0 && (
        <p className="jp-mltrain-Checks-fine">
          <checkIcon.react tag="span" aria-hidden="true" width="16px" height="16px" />
          {trans.__('No problems found.')}
        </p>
      )}
      <FindingList
        findings={findings}
        trans={trans}
        onApply={finding => model.edit(applyFix(finding))}
        onField={onField}
        fieldOf={({ where }) => (typeof where.field === 'string' ? fieldOf(where.field, draft) : parameterOf(where))}
      />
      {notes.length > 0 && (
        <ul className="jp-mltrain-Words" aria-label={trans.__('Notes')}>
          {notes.map(note => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Findings with what to do about them. */
export function FindingList(props: {
  findings: readonly Finding[];
  trans: TranslationBundle;
  onApply?: (finding: Finding) => void;
  onField?: (field: string) => void;
  /** Return the form's field that a finding is about, `''`: none. */
  fieldOf?: (finding: Finding) => string;
}): JSX.Element | null {
  const { trans, onApply, onField, fieldOf: field } = props;
  const findings = distinct(props.findings);
  if (findings.length === 0) {
    return null;
  }
  return (
    <ul className="jp-mltrain-Findings" aria-label={trans.__('Findings')}>
      {findings.map((finding, index) => (
        <li key={index} className="jp-mltrain-Finding" data-severity={finding.severity}>
          <SeverityIcon severity={finding.severity} trans={trans} />
          <div>
            <p>
              {whereWords(finding, trans) && <strong>{whereWords(finding, trans)}: </strong>}
              {finding.message}
            </p>
            {finding.hint && <p className="jp-mltrain-Finding-hint">{finding.hint}</p>}
            <div className="jp-mltrain-Finding-actions">
              {onApply && canApply(finding) && (
                <button
                  type="button"
                  className="jp-mltrain-Button"
                  aria-label={trans.__('Apply: %1', finding.hint || finding.message)}
                  onClick={() => onApply(finding)}
                >
                  {trans.__('Apply')}
                </button>
              )}
              {onField && field?.(finding) && (
                <button type="button" className="jp-mltrain-Link" onClick={() => onField(field(finding))}>
                  {trans.__('Show the field')}
                </button>
              )}
            </div>
          </div>
        </li>
      ))}
    </ul>
  );
}

/** Return findings, those that say the same once. */
function distinct(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map(finding => [JSON.stringify(finding), finding])).values()];
}

function SeverityIcon(props: { severity: Finding['severity']; trans: TranslationBundle }): JSX.Element {
  const { severity, trans } = props;
  const Icon = { error: errorIcon, warning: warningIcon, info: infoIcon }[severity];
  return (
    <span className="jp-mltrain-Finding-severity">
      <Icon.react tag="span" aria-hidden="true" width="16px" height="16px" />
      <span className="jp-mltrain-sr">{severityWord(severity, trans)}</span>
    </span>
  );
}

const SEVERITIES: readonly Finding['severity'][] = ['error', 'warning', 'info'];

function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  return SEVERITIES.flatMap(severity => findings.filter(finding => finding.severity === severity));
}

function parameterOf(where: Finding['where']): string {
  return typeof where.parameter === 'string' ? `parameters.${where.parameter}` : '';
}
