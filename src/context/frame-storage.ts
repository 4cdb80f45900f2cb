import { AsyncLocalStorage } from 'node:async_hooks';
import type { Frame } from './frame.ts';

/**
 * One store for the whole process, under a registered symbol: a second copy of the package (two
 * versions in one tree, ESM and CommonJS) finds the same frames instead of silently none.
 */
const storeKey = Symbol.for('sluice.context.v1');

const shared = globalThis as { [storeKey]?: AsyncLocalStorage<Frame | undefined> };
const storage: AsyncLocalStorage<Frame | undefined> = (shared[storeKey] ??= new AsyncLocalStorage());

export function currentFrame(): Frame | undefined {
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
