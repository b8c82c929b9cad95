import type { ISignal } from '@lumino/signaling';
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';

import type { IModel } from '../services/model';

/**
 * Return what `read` gives, again after each emission of a signal. `read` must give the same value, by identity, until
 * the signal was emitted.
 */
export function useSignal<Value>(signal: ISignal<unknown, unknown>, read: () => Value): Value {
  const subscribe = useCallback(
    (notify: () => void) => {
      const slot = (): void => notify();
      signal.connect(slot);
      return () => void signal.disconnect(slot);
    },
    [signal]
  );
  return useSyncExternalStore(subscribe, read);
}

/** Return the model and render again after each of its changes. */
export function useModel<M extends IModel>(model: M): M {
  useSignal(model.changed, () => model.revision);
  return model;
}

/** Return a model that lives as long as the component, and anew for other `keys`; null while it is being made. */
export function useOwnModel<M extends IModel>(make: () => M, keys: readonly unknown[]): M | null {
  const [model, setModel] = useState<M | null>(null);
  useEffect(() => {
    const made = make();
    // eslint-disable-next-line react-hooks/set-state-in-effect -- what an effect makes it can end
    setModel(made);
    return () => made.dispose();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `keys` say what the model is made of
  }, keys);
  return model?.isDisposed ? null : model;
}

/** Return the time in milliseconds, in whole seconds: anew each second while `runs`. */
export function useNow(runs = true): number {
  return useSyncExternalStore(runs ? everySecond : never, wholeSeconds);
}

/** One timer for all who wait. */
function everySecond(notify: () => void): () => void {
  waiting.add(notify);
  timer ??= window.setInterval(() => waiting.forEach(tell => tell()), 1000);
  return () => {
    waiting.delete(notify);
    if (waiting.size === 0) {
      window.clearInterval(timer);
      timer = undefined;
    }
  };
}

const never = (): (() => void) => () => undefined;
const wholeSeconds = (): number => Math.floor(Date.now() / 1000) * 1000;
const waiting = new Set<() => void>();
let timer: number | undefined;
