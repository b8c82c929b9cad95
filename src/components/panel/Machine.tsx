import type { TranslationBundle } from '@jupyterlab/translation';
import { Poll } from '@lumino/polling';
import { useEffect } from 'react';

import type { PlacesModel } from '../../services/places';
import type { Inventory } from '../../types';
import { inventoryWords } from './words';

/** Between two looks at what is free, in milliseconds; further apart while the server cannot be reached. */
const INTERVAL = 10_000;
const LONGEST = 120_000;

/** Return what a place has; looked at again and again while `isWatched`. null: not known yet. */
export function useInventory(places: PlacesModel, backend: string | undefined, isWatched: boolean): Inventory | null {
  useEffect(() => {
    if (backend === undefined || !isWatched) {
      return;
    }
    const poll = new Poll({
      name: '@jupyter-mltrain:panel#inventory',
      frequency: { interval: INTERVAL, backoff: true, max: LONGEST },
      standby: 'when-hidden',
      factory: async () => {
        await places.refreshInventory(backend);
        if (places.error) {
          throw places.error;
        }
      }
    });
    return () => poll.dispose();
  }, [places, backend, isWatched]);
  return backend === undefined ? null : places.inventory(backend);
}

/** What a place has, and what of it is free. */
export function Machine(props: { inventory: Inventory | null; trans: TranslationBundle }): JSX.Element {
  const { inventory, trans } = props;
  if (!inventory) {
    return <p className="jp-mltrain-Machine-note">{trans.__('Looking…')}</p>;
  }
  return (
    <>
      <ul className="jp-mltrain-Machine">
        {inventoryWords(inventory, trans).map(words => (
          <li key={words}>{words}</li>
        ))}
      </ul>
      {inventory.note && <p className="jp-mltrain-Machine-note">{inventory.note}</p>}
    </>
  );
}
