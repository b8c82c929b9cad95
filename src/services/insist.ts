import { TrainingError } from '../request';
import { Backoff } from './backoff';

/** How long the server may be away, in milliseconds: a restart takes some seconds. */
const PATIENCE = 20_000;

/**
 * Do something, again and again while the server cannot be reached. Only for what may be asked for twice.
 *
 * @throws what `act` throws, in the end
 */
export async function insist<T>(act: () => Promise<T>, patience = PATIENCE): Promise<T> {
  const backoff = new Backoff(500, 4000);
  const end = Date.now() + patience;
  for (;;) {
    try {
      return await act();
    } catch (thrown) {
      const wait = backoff.next();
      if (TrainingError.from(thrown).code !== 'unreachable' || Date.now() + wait > end) {
        throw thrown;
      }
      await new Promise(resolve => setTimeout(resolve, wait));
    }
  }
}
