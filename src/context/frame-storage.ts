import { AsyncLocalStorage } from 'node:async_hooks';
import { announceVersion, assertOwnVersionHere, sharedByCopies, versions } from '../core/index.ts';
import type { Frame } from './frame.ts';

/** One for all copies of this version: a second copy finds the same frames instead of silently none. */
const storage = sharedByCopies('context', () => new AsyncLocalStorage<Frame | undefined>());
announceVersion(() => storage.getStore()?.innermost?.describe().transaction);

export function currentFrame(): Frame | undefined {
  return storage.getStore();
}

/**
 * The current frame, for what a program calls.
 * @throws MixedVersionsError inside a transaction of another version of the package, which this one cannot join
 */
export function frameOfCall(): Frame | undefined {
  if (versions.size > 1) assertOwnVersionHere();
  return storage.getStore();
}

/** Runs `body(argument)` with `frame` as the ambient one. */
export function runInFrame<Argument, Result>(
  frame: Frame | undefined,
  body: (argument: Argument) => Result,
  argument: Argument,
): Result {
  return storage.run(frame, body, argument);
}
