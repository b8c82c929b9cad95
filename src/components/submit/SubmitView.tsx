import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from 'react';

import { CommandIDs } from '../../commands';
import type { IServices } from '../../tokens';
import { useModel } from '../hooks';
import { placeOf } from '../common';
import { DataSection } from './DataSection';
import { isTouched } from './draft';
import { FormProvider } from './fields';
import { Footer } from './Footer';
import { FrameworkSection } from './FrameworkSection';
import type { SubmitModel } from './model';
import { NotebookSection } from './NotebookSection';
import { PolicySection } from './PolicySection';
import type { SaveBeside } from './Document';
import { Preview } from './Preview';
import type { IProblem } from './problems';
import { Section } from './Section';
import { WhereSection } from './WhereSection';
import { dataWords, faultWords, frameworkWords, policyWords, rolesWords } from './words';

/** The parts of the form. */
const PARTS = ['notebook', 'where', 'framework', 'policy', 'data'] as const;
type Part = (typeof PARTS)[number];

/** The form, and beside it what it would do. */
export function SubmitView(props: {
  model: SubmitModel;
  services: IServices;
  trans: TranslationBundle;
  save: SaveBeside;
  close: () => void;
}): JSX.Element {
  const { model, services, trans, save, close } = props;
  const { manager, commands } = services;
  const { draft, isSubmitting } = useModel(model);
  const { backends } = useModel(manager.places);
  const [open, setOpen] = useState<ReadonlySet<Part>>(new Set(['notebook', 'where', 'framework']));
  const [wanted, setWanted] = useState<string | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const problems = problemsOf(model, trans);
  const place = placeOf(backends, model.place);

  useEffect(() => void manager.places.load(), [manager]);
  const name = place?.available ? place.name : '';
  useEffect(() => {
    if (name) {
      void manager.places.refreshInventory(name);
    }
  }, [manager, name]);
  useFocus(form, wanted, () => setWanted(null));

  const show = (field: string): void => {
    setOpen(new Set([...open, partOf(field)]));
    setWanted(field);
  };
  const openJob = (id: string): void => void commands.execute(CommandIDs.openJob, { id });
  const submit = async (force = false): Promise<void> => {
    const job = await model.submit(force);
    if (!job) {
      const wrong = problemsOf(model, trans);
      if (wrong.size > 0) {
        setOpen(new Set([...open, ...[...wrong.keys()].map(partOf)]));
        setWanted('');
      }
    } else if (!model.stays) {
      openJob(job.id);
      close();
    }
  };
  const tryToSubmit = (): void => {
    if (isSubmitting) {
      return;
    }
    if (problems.size > 0 && model.obstacle) {
      setOpen(new Set([...open, ...[...problems.keys()].map(partOf)]));
      setWanted('');
    } else if (model.obstacle?.kind === 'refused') {
      model.showPreview('checks');
    } else if (!model.obstacle && place?.available !== false) {
      void submit();
    }
  };
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    tryToSubmit();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      tryToSubmit();
    }
  };

  const shared = { draft, problems, edit: model.edit.bind(model), trans };
  const section = (part: Part): { isOpen: boolean; onToggle: () => void; problems: number } => ({
    isOpen: open.has(part),
    onToggle: () => setOpen(toggled(open, part)),
    problems: [...problems.keys()].filter(field => partOf(field) === part).length
  });
  return (
    <FormProvider value={shared}>
      <form
        ref={form}
        className="jp-mltrain-Submit"
        aria-label={trans.__('Submit %1 as training job', model.path)}
        noValidate
        onSubmit={onSubmit}
        onKeyDown={onKeyDown}
      >
        <div className="jp-mltrain-Submit-form">
          <Head model={model} trans={trans} />
          <Section title={trans.__('Notebook')} summary={model.path} {...section('notebook')}>
            <NotebookSection model={model} />
          </Section>
          <Section title={trans.__('Where')} summary={place?.title ?? ''} {...section('where')}>
            <WhereSection model={model} places={manager.places} />
          </Section>
          <Section
            title={trans.__('Framework and replicas')}
            summary={frameworkSummary(model, trans)}
            {...section('framework')}
          >
            <FrameworkSection model={model} places={manager.places} />
          </Section>
          <Section title={trans.__('Run policy')} summary={policyWords(draft, trans)} {...section('policy')}>
            <PolicySection model={model} />
          </Section>
          <Section title={trans.__('Data and secrets')} summary={dataWords(draft, trans)} {...section('data')}>
            <DataSection />
          </Section>
        </div>
        <Footer
          model={model}
          trans={trans}
          unreachable={place?.available === false ? place : null}
          onForce={() => void submit(true)}
          onOpen={openJob}
          onChecks={() => model.showPreview('checks')}
        />
        <Preview model={model} services={services} trans={trans} save={save} onField={show} />
      </form>
    </FormProvider>
  );
}

function Head({ model, trans }: { model: SubmitModel; trans: TranslationBundle }): JSX.Element {
  const { path, draft, source } = model;
  return (
    <div className="jp-mltrain-Submit-head">
      <h2 tabIndex={-1}>{trans.__('Train %1', path.replace(/^.*\//, ''))}</h2>
      {isTouched(draft) && (
        <button type="button" className="jp-mltrain-Link" onClick={() => model.reset()}>
          {trans.__('Back to the defaults')}
        </button>
      )}
      {source && (
        <p className="jp-mltrain-Quiet">
          {trans.__('Filled in from %1. The notebook is trained as it is saved now.', source)}
        </p>
      )}
    </div>
  );
}

function frameworkSummary({ framework, draft }: SubmitModel, trans: TranslationBundle): string {
  return framework ? `${frameworkWords(framework, trans)} · ${rolesWords(draft, framework)}` : '';
}

/** Return what is wrong with each field: what the form sees itself, and what the server says of what it now holds. */
function problemsOf(model: SubmitModel, trans: TranslationBundle): ReadonlyMap<string, IProblem> {
  const found = new Map<string, IProblem>();
  model.problems.filter(({ field }) => field).forEach(problem => found.set(problem.field, problem));
  for (const [field, fault] of Object.entries(model.reading.faults)) {
    found.set(field, { field, message: faultWords(fault, trans), hint: '' });
  }
  return found;
}

/** Return the part of the form that a field is in. */
function partOf(field: string): Part {
  if (field.startsWith('run_policy.') || field.endsWith('.restart_policy')) {
    return 'policy';
  }
  if (/^(roles\.|framework$|strategy$)/.test(field)) {
    return 'framework';
  }
  if (/^(backend|namespace|image|service_account)$/.test(field)) {
    return 'where';
  }
  return /^(parameters|requirements|name$)/.test(field) ? 'notebook' : 'data';
}

function toggled(open: ReadonlySet<Part>, part: Part): ReadonlySet<Part> {
  return new Set(PARTS.filter(one => open.has(one) !== (one === part)));
}

/** Give the focus to a field, `''`: to the first that is wrong, once the parts that hold them are open. */
function useFocus(form: React.RefObject<HTMLFormElement>, wanted: string | null, done: () => void): void {
  useEffect(() => {
    if (wanted === null) {
      return;
    }
    const fields = [...(form.current?.querySelectorAll<HTMLElement>('[data-field]') ?? [])];
    const target = wanted
      ? fields.find(({ dataset }) => dataset.field === wanted)?.querySelector<HTMLElement>('input, select, textarea')
      : form.current?.querySelector<HTMLElement>('[aria-invalid="true"]');
    target?.focus();
    done();
  });
}
