import { AsyncLocalStorage } from 'node:async_hooks';

/** Set while the inspector itself looks. */
const uncounted = new AsyncLocalStorage<boolean>();

/** Runs a look of the inspector, which is none of what it counts. */
export function runUncounted<Result>(look: () => Result): Result {
  return uncounted.run(true, look);
}

export function isUncounted(): boolean {
  return uncounted.getStore() === true;
}
