import { AsyncLocalStorage } from 'node:async_hooks';

/** Set while calls out of a transaction are no concern: those of Sluice itself, and those that the program allows. */
const unwatched = new AsyncLocalStorage<boolean>();

/** Runs something whose calls to other servers are no foreign waits. */
export function runUnwatched<Result>(run: () => Result): Result {
  return unwatched.run(true, run);
}

export function isUnwatched(): boolean {
  return unwatched.getStore() === true;
}
