import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { TrainingError } from '../../request';
import { insist } from '../insist';

describe('insist', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const away = new TrainingError({ code: 'unreachable', message: 'Failed to fetch' });

  it('asks again until the server is back', async () => {
    const act = vi.fn().mockRejectedValueOnce(away).mockRejectedValueOnce(away).mockResolvedValue('done');
    const answer = insist(act);
    await vi.advanceTimersByTimeAsync(5000);
    expect(await answer).toBe('done');
    expect(act).toHaveBeenCalledTimes(3);
  });

  it('does not ask again for what the server refuses', async () => {
    const refusal = new TrainingError({ code: 'conflict', message: 'refused' }, 409);
    const act = vi.fn().mockRejectedValue(refusal);
    await expect(insist(act)).rejects.toBe(refusal);
    expect(act).toHaveBeenCalledTimes(1);
  });

  it('gives up in the end', async () => {
    const act = vi.fn().mockRejectedValue(away);
    const answer = expect(insist(act)).rejects.toBe(away);
    await vi.advanceTimersByTimeAsync(20_000);
    await answer;
    expect(act.mock.calls.length).toBeGreaterThan(4);
  });
});
