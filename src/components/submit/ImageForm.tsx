import type { TranslationBundle } from '@jupyterlab/translation';
import { useId, useState, type KeyboardEvent } from 'react';

import { useModel } from '../hooks';
import { Field, FormProvider, useForm, type IControl } from './fields';
import type { ImageModel } from './image-model';
import type { IProblem } from './problems';

/** What can be said about the image. A text counts when it was left, or with Enter: each look may ask a registry. */
export function ImageForm({ image, trans }: { image: ImageModel; trans: TranslationBundle }): JSX.Element {
  const { draft, repository, settings, plan, platforms, allPlatforms } = useModel(image);
  const form = useForm();
  const base = plan?.platforms[0]?.base ?? '';
  const bases = [...new Set(Object.values(settings?.bases ?? {}))];
  const id = useId();
  return (
    <FormProvider value={{ ...form, problems: problemsOf(image) }}>
      <div className="jp-mltrain-ImageForm">
        <Field path="image.repository" label={trans.__('Repository')}>
          {control => (
            <Text
              control={control}
              value={repository}
              placeholder="registry.example.com/team/name"
              onChange={text => image.edit({ repository: text })}
            />
          )}
        </Field>
        <Field path="image.base" label={trans.__('Base image')}>
          {control => (
            <>
              <Text
                control={control}
                value={draft.base}
                placeholder={base || trans.__('As the server has it')}
                list={`${id}-bases`}
                onChange={text => image.edit({ base: text })}
              />
              <datalist id={`${id}-bases`}>
                {bases.map(name => (
                  <option key={name} value={name} />
                ))}
              </datalist>
            </>
          )}
        </Field>
        <Field path="image.environment" label={trans.__('Packages')}>
          {control => (
            <select
              {...control}
              className="jp-mltrain-Select"
              value={draft.environment}
              onChange={({ target }) => image.edit({ environment: target.value })}
            >
              <option value="">{trans.__('As the kernel has them')}</option>
              {environmentsOf(image).map(name => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Platforms
          chosen={platforms}
          all={allPlatforms}
          trans={trans}
          onChange={chosen => image.edit({ platforms: chosen })}
        />
      </div>
    </FormProvider>
  );
}

/** A text that counts when it was left, or with Enter. */
function Text(props: {
  control: IControl;
  value: string;
  placeholder: string;
  list?: string;
  onChange: (text: string) => void;
}): JSX.Element {
  const { control, value, placeholder, list, onChange } = props;
  const [typed, setTyped] = useState<string | null>(null);
  const take = (): void => {
    if (typed !== null && typed.trim() !== value) {
      onChange(typed.trim());
    }
    setTyped(null);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter') {
      take();
      if (!event.ctrlKey && !event.metaKey) {
        event.preventDefault(); // it would submit the job
      }
    }
  };
  return (
    <input
      {...control}
      className="jp-mltrain-Input"
      value={typed ?? value}
      placeholder={placeholder}
      list={list}
      autoComplete="off"
      spellCheck={false}
      onChange={({ target }) => setTyped(target.value)}
      onBlur={take}
      onKeyDown={onKeyDown}
    />
  );
}

function Platforms(props: {
  chosen: readonly string[];
  all: readonly string[];
  trans: TranslationBundle;
  onChange: (chosen: readonly string[]) => void;
}): JSX.Element {
  const { chosen, all, trans, onChange } = props;
  const id = useId();
  return (
    <fieldset className="jp-mltrain-Platforms" data-field="image.platforms">
      <legend>{trans.__('Platforms')}</legend>
      {all.map(platform => {
        const isChosen = chosen.includes(platform);
        return (
          <span key={platform} className="jp-mltrain-Platform">
            <input
              id={`${id}-${platform}`}
              type="checkbox"
              checked={isChosen}
              // An image is for something.
              disabled={isChosen && chosen.length === 1}
              onChange={() => onChange(all.filter(one => chosen.includes(one) !== (one === platform)))}
            />
            <label htmlFor={`${id}-${platform}`}>{platform}</label>
          </span>
        );
      })}
    </fieldset>
  );
}

/** Return the files that can be chosen, with the one that is, also where it is not there any more. */
function environmentsOf({ settings, draft }: ImageModel): readonly string[] {
  return [...new Set([...(settings?.environments ?? []), draft.environment].filter(Boolean))];
}

const FIELDS = ['repository', 'base', 'platforms', 'environment'];

/** Return what the server says of the fields. */
function problemsOf({ error, refusal, isPlanning }: ImageModel): ReadonlyMap<string, IProblem> {
  const found = [refusal, isPlanning ? null : error].flatMap(one => {
    return one && FIELDS.includes(one.field)
      ? [{ field: `image.${one.field}`, message: one.message, hint: one.hint }]
      : [];
  });
  return new Map(found.map(problem => [problem.field, problem]));
}

/** Whether an error is told at its field. */
export function isOfField(error: { field: string } | null): boolean {
  return error !== null && FIELDS.includes(error.field);
}
