import { describe, expect, it } from 'vitest';

import { written } from '../../common';
import { EMPTY, setParameter } from '../draft';
import {
  controlOf,
  defaultEntry,
  entryOf,
  isNone,
  NONE,
  textOf,
  valuesOf,
  type Entry,
  type IParameter
} from '../parameters';

const of = (parameter: Partial<IParameter>): IParameter => ({ name: 'x', type: { kind: 'any' }, ...parameter });

describe('a parameter of each type', () => {
  it.each<[string, IParameter, string, string]>([
    ['bool', of({ type: { kind: 'bool' }, default: true }), 'check', 'true'],
    ['bool or None', of({ type: { kind: 'bool', optional: true }, default: null }), 'choice', ''],
    ['int', of({ type: { kind: 'int' }, default: 3 }), 'number', '3'],
    ['float', of({ type: { kind: 'float' }, default: 1e-7 }), 'number', '1e-7'],
    ['str', of({ type: { kind: 'str' }, default: 'a "b"' }), 'line', 'a "b"'],
    ['str of lines', of({ type: { kind: 'str' }, default: 'a\nb' }), 'lines', 'a\nb'],
    ['list', of({ type: { kind: 'list' }, default: [1, ['a', null]] }), 'line', '[1, ["a", null]]'],
    ['dict', of({ type: { kind: 'dict' }, default: { a: { b: true } } }), 'line', '{"a": {"b": true}}'],
    [
      'long dict',
      of({ type: { kind: 'dict' }, default: { a: 'x'.repeat(80) } }),
      'json',
      written({ a: 'x'.repeat(80) })
    ],
    ['choice', of({ type: { kind: 'str', choices: ['adam', 'sgd'] }, default: 'sgd' }), 'choice', 'sgd'],
    ['expression', of({ type: { kind: 'str' }, expression: 'f"{y}"' }), 'line', ''],
    ['required', of({ type: { kind: 'int' }, required: true }), 'number', '']
  ])('%s', (_, parameter, control, text) => {
    expect(controlOf(parameter)).toBe(control);
    expect(textOf(defaultEntry(parameter))).toBe(text);
  });

  it('has all digits, which the server tells', () => {
    const entry = defaultEntry(of({ default: 12345678901234567000, text: '12345678901234567890' }));
    expect(textOf(entry)).toBe('12345678901234567890');
  });

  it('shows None as None', () => {
    expect(isNone(defaultEntry(of({ default: null })))).toBe(true);
    expect(defaultEntry(of({ expression: 'now()' }))).toBeNull();
  });
});

describe('the values that travel', () => {
  const cases: [string, IParameter, Entry, unknown, string?][] = [
    [
      'a number goes as it was written',
      of({ type: { kind: 'int' } }),
      { text: '12345678901234567890' },
      undefined,
      '12345678901234567890'
    ],
    [
      'what is no number goes, too: the server says what is wrong',
      of({ type: { kind: 'int' } }),
      { text: 'many' },
      undefined,
      'many'
    ],
    ['a list as people write it', of({ type: { kind: 'list' } }), { text: '1, 2' }, undefined, '1, 2'],
    ['text is exact', of({ type: { kind: 'str', optional: true } }), { text: 'None' }, 'None'],
    ['empty text is a value', of({ type: { kind: 'str' }, default: 'a' }), { text: '' }, ''],
    ['None', of({ type: { kind: 'int', optional: true } }), NONE, null],
    ['a choice has its type', of({ type: { kind: 'int', choices: [1, 2] } }), { text: '2' }, 2],
    ['a truth value', of({ type: { kind: 'bool' }, default: true }), { text: 'false' }, false]
  ];
  it.each(cases)('%s', (_, parameter, entry, value, text) => {
    const { parameters, texts } = valuesOf([parameter], { x: entry });
    expect(parameters).toEqual(text === undefined ? { x: value } : {});
    expect(texts).toEqual(text === undefined ? {} : { x: text });
  });

  it('are none where a field was emptied, or the notebook has no such parameter any more', () => {
    const form = [of({ name: 'n', type: { kind: 'int' }, default: 3 })];
    expect(valuesOf(form, { n: { text: ' ' }, gone: { text: '1' } })).toEqual({ parameters: {}, texts: {} });
  });
});

describe('a draft', () => {
  const epochs = of({ name: 'epochs', type: { kind: 'int' }, default: 3 });

  it('forgets a value that is the default again', () => {
    const changed = setParameter(epochs, { text: '4' })(EMPTY);
    expect(changed.parameters).toEqual({ epochs: { text: '4' } });
    expect(setParameter(epochs, { text: '3' })(changed).parameters).toEqual({});
    expect(setParameter(epochs, null)(changed)).toEqual(EMPTY);
  });

  it('takes the values of another run', () => {
    expect([entryOf(null), entryOf(1.5), entryOf(['a'])]).toEqual([NONE, { text: '1.5' }, { text: '["a"]' }]);
  });
});
