import { describe, expect, it } from 'vitest';

import { claimFor } from '../claim';

/** The browser's locks, as far as claims use them: one for all pages. */
function fakeLocks(): LockManager {
  const held = new Set<string>();
  const request = (name: string, _: LockOptions, hold: (lock: Lock | null) => unknown): Promise<unknown> =>
    Promise.resolve(held.has(name) ? hold(null) : held.add(name) && hold({ name, mode: 'exclusive' }));
  return { request } as unknown as LockManager;
}

describe('claimFor', () => {
  it('lets one of all pages have a name, once', async () => {
    const locks = fakeLocks();
    const [here, there] = [claimFor('http://server/', locks), claimFor('http://server/', locks)];
    expect(await Promise.all([here('a'), there('a')])).toEqual([true, false]);
    expect(await Promise.all([there('b'), here('b')])).toEqual([true, false]);
    expect(await here('a')).toBe(false);
  });

  it('keeps apart the servers behind one origin', async () => {
    const locks = fakeLocks();
    expect(await claimFor('http://hub/user/anna/', locks)('a')).toBe(true);
    expect(await claimFor('http://hub/user/otto/', locks)('a')).toBe(true);
  });

  it.each([
    ['has no locks', undefined],
    ['refuses them', { request: () => Promise.reject(new DOMException('no', 'SecurityError')) }]
  ])('grants all where the browser %s', async (_, locks) => {
    const claim = claimFor('http://server/', locks as LockManager | undefined);
    expect([await claim('a'), await claim('a')]).toEqual([true, true]);
  });
});
