import { Signal } from '@lumino/signaling';
import { act, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Model } from '../../services/model';
import { useModel, useNow, useOwnModel, useSignal } from '../hooks';

class Counter extends Model {
  value = 0;

  add(): void {
    this.value += 1;
    this.emitChanged();
  }
}

describe('useSignal and useModel', () => {
  it('render again when something changes, and listen no longer than they are shown', () => {
    const counter = new Counter();
    let renders = 0;
    function Value(): JSX.Element {
      renders += 1;
      return <p>{useModel(counter).value}</p>;
    }
    const { unmount } = render(<Value />);
    act(() => counter.add());
    expect(screen.getByText('1')).toBeTruthy();
    unmount();
    act(() => counter.add());
    expect(renders).toBe(2);
  });

  it('do not render again while the value is the same', () => {
    const owner = { value: 'a' };
    const changed = new Signal<object, void>(owner);
    let renders = 0;
    function Value(): JSX.Element {
      renders += 1;
      return <p>{useSignal(changed, () => owner.value)}</p>;
    }
    render(<Value />);
    act(() => changed.emit());
    expect(renders).toBe(1);
    owner.value = 'b';
    act(() => changed.emit());
    expect(screen.getByText('b')).toBeTruthy();
  });
});

describe('useOwnModel', () => {
  it('ends what it made: with the component, and before it makes another', () => {
    const made: Counter[] = [];
    const make = (): Counter => made[made.push(new Counter()) - 1];
    function Value({ name }: { name: string }): JSX.Element {
      const model = useOwnModel(make, [name]);
      return <p>{model ? 'there' : 'not yet'}</p>;
    }
    const { rerender, unmount } = render(<Value name="a" />);
    expect(screen.getByText('there')).toBeTruthy();
    rerender(<Value name="a" />);
    expect(made.map(model => model.isDisposed)).toEqual([false]);
    rerender(<Value name="b" />);
    expect(made.map(model => model.isDisposed)).toEqual([true, false]);
    unmount();
    expect(made.map(model => model.isDisposed)).toEqual([true, true]);
  });
});

describe('useNow', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 1500 }));
  afterEach(() => void vi.useRealTimers());

  function Clock({ runs = true }: { runs?: boolean }): JSX.Element {
    return <p>{useNow(runs)}</p>;
  }

  it('goes on in whole seconds, with one timer for all, and none when nobody looks', () => {
    const { unmount } = render(
      <>
        <Clock />
        <Clock />
      </>
    );
    expect(screen.getAllByText('1000')).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(1);
    act(() => void vi.advanceTimersByTime(1000));
    expect(screen.getAllByText('2000')).toHaveLength(2);
    unmount();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('stands still for what has ended', () => {
    render(<Clock runs={false} />);
    expect(vi.getTimerCount()).toBe(0);
  });
});
