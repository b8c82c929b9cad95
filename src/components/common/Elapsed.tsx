import { useNow } from '../hooks';
import { clock } from './words';

/**
 * The time from `since` to `until`, or to now, as a clock that runs. Both are ISO 8601; `''`: not yet. `paused`: it stands
 * still, because nobody looks.
 */
export function Elapsed(props: {
  since: string;
  until?: string;
  paused?: boolean;
  className?: string;
}): JSX.Element | null {
  const { since, until = '', paused = false, className = '' } = props;
  const now = useNow(since !== '' && until === '' && !paused);
  if (since === '') {
    return null;
  }
  const seconds = ((until ? Date.parse(until) : now) - Date.parse(since)) / 1000;
  return (
    <time className={`jp-mltrain-Elapsed ${className}`} dateTime={`PT${Math.max(0, Math.floor(seconds))}S`}>
      {clock(seconds)}
    </time>
  );
}
