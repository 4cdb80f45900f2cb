import { createHook, executionAsyncId } from 'node:async_hooks';
import { callersOf, captureProgram, type Origin } from '../core/index.ts';

/** How many calls may lie between the program and a statement: libraries have many. */
const depth = 200;
const inPackage = /[\\/]node_modules[\\/]|^node:/;

/**
 * Knows which line of the program has begun what is under way. The stack of a statement does not always tell: it ends where an
 * object with a `then` is awaited, and where a promise is settled by hand, as pools do. The async context goes on there. To
 * follow it costs about ten microseconds for each `await` and `then`.
 */
export class CallTrail {
  /** By the ids of async contexts. */
  #begunAt = new Map<number, Origin>();
  readonly #isWanted: () => boolean;

  /** @param isWanted whether what is begun here is to be remembered */
  constructor(isWanted: () => boolean) {
    this.#isWanted = isWanted;
  }

  /** Remembers what is begun from now on. @returns ends that, and forgets it */
  follow(): () => void {
    const note = (id: number, type: string, awaited: number): void => {
      const here = executionAsyncId();
      // In a promise that follows no other one nothing runs, unless it is one of an object with a `then`: see below.
      if ((type === 'PROMISE' && awaited === here) || !this.#isWanted()) return;
      const origin = captureProgram(note, depth) ?? this.#begunAt.get(here);
      if (origin === undefined) return;
      this.#begunAt.set(id, origin);
      // In that which is awaited the `then` of such an object runs.
      if (type === 'PROMISE' && !this.#begunAt.has(awaited)) this.#begunAt.set(awaited, origin);
    };
    const hook = createHook({ init: note }).enable();
    return () => {
      hook.disable();
      this.#begunAt = new Map();
    };
  }

  /** The line of the program that calls `below`, a function that is running now, or has begun what does; as `file:line:column`. */
  placeOf(below: (...args: never[]) => unknown): string | undefined {
    const origin = captureProgram(below, depth) ?? this.#begunAt.get(executionAsyncId());
    return origin?.() ?? callersOf(below, depth).find((each) => !inPackage.test(each));
  }
}
