/** Says whether this page is the one that tells of something. */
export type Claim = (name: string) => Promise<boolean>;

/**
 * Return a claim on names that all pages of an origin share: the first page that claims a name has it as long as the
 * page lives, and every further claim is refused. `scope` keeps servers apart that share an origin. Where the browser
 * has no locks - without TLS it has none - every claim is granted.
 */
export function claimFor(scope: string, locks: LockManager | undefined = navigator.locks): Claim {
  return name =>
    new Promise(resolve => {
      const hold = (lock: Lock | null): Promise<void> | void => {
        resolve(lock !== null);
        return lock ? new Promise(() => undefined) : undefined;
      };
      if (locks) {
        locks.request(`jupyter-mltrain:${scope}:${name}`, { ifAvailable: true }, hold).catch(() => resolve(true));
      } else {
        resolve(true);
      }
    });
}
