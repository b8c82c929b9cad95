import { useCallback, useEffect, useState } from 'react';

import { TrainingError } from '../../request';

/** What was read, or why not. */
export interface ILoaded<Value> {
  value: Value | null;
  error: TrainingError | null;
  /** Read again. */
  retry: () => void;
}

/** Read something once for each set of `keys`; what comes after the component has gone is dropped. */
export function useLoaded<Value>(read: () => Promise<Value>, keys: readonly unknown[]): ILoaded<Value> {
  const [state, setState] = useState<{ value: Value | null; error: TrainingError | null }>(NOTHING);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let isWanted = true;
    read().then(
      value => isWanted && setState({ value, error: null }),
      (thrown: unknown) => isWanted && setState({ value: null, error: TrainingError.from(thrown) })
    );
    return () => {
      isWanted = false;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `keys` say what is read
  }, [attempt, ...keys]);
  const retry = useCallback(() => setAttempt(count => count + 1), []);
  return { ...state, retry };
}

const NOTHING = { value: null, error: null };
