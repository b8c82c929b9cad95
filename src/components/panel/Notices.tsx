import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useRef, useState } from 'react';

import type { ConnectionStatus, IChannel } from '../../services/channel';
import type { BackendInfo } from '../../types';
import { useSignal } from '../hooks';

/** How long a connection must be lost before it is told, and how long it is told that it is back; milliseconds. */
const PATIENCE = 1500;
const SAID = 4000;

/** Return how changes come. */
export function useConnection(channel: IChannel): ConnectionStatus {
  return useSignal(channel.connectionStatusChanged, () => channel.connectionStatus);
}

/** Says quietly that the connection is lost, and that it is back. */
export function ConnectionNotice(props: { channel: IChannel; trans: TranslationBundle }): JSX.Element {
  const { channel, trans } = props;
  const told = useTold(useConnection(channel));
  const words = {
    lost: trans.__('Connection lost: jobs go on. Trying again…'),
    back: trans.__('Connected again.'),
    nothing: ''
  };
  // The region is always there: screen readers tell only what changes in it.
  return (
    <div role="status" className="jp-mltrain-Connection" data-told={told}>
      {words[told]}
      {told === 'lost' && (
        <button type="button" className="jp-mltrain-Button" onClick={() => channel.retry()}>
          {trans.__('Retry')}
        </button>
      )}
    </div>
  );
}

/** What is to be told of a connection: short breaks are not worth a word. */
function useTold(status: ConnectionStatus): 'nothing' | 'lost' | 'back' {
  const [told, setTold] = useState<'nothing' | 'lost' | 'back'>('nothing');
  const wasTold = useRef(false);
  const isLost = status === 'disconnected';
  useEffect(() => {
    const tell = (what: typeof told, wait: number): (() => void) => {
      const timer = window.setTimeout(() => {
        wasTold.current = what === 'lost';
        setTold(what);
      }, wait);
      return () => window.clearTimeout(timer);
    };
    if (isLost) {
      return tell('lost', PATIENCE);
    }
    if (!wasTold.current) {
      return undefined;
    }
    setTold('back');
    return tell('nothing', SAID);
  }, [isLost]);
  return told;
}

/** Places that cannot be used, each with its cause. The others go on. */
export function PlaceNotices(props: {
  backends: readonly BackendInfo[];
  onRetry: () => void;
  trans: TranslationBundle;
}): JSX.Element {
  const { backends, onRetry, trans } = props;
  return (
    <>
      {backends
        .filter(({ available }) => !available)
        .map(({ name, title, why }) => (
          <div key={name} role="status" className="jp-mltrain-PlaceNotice">
            <p>
              <strong>{trans.__('%1 cannot be used now.', title)}</strong> {why}
            </p>
            <button type="button" className="jp-mltrain-Button" onClick={onRetry}>
              {trans.__('Retry')}
            </button>
          </div>
        ))}
    </>
  );
}
