import { AsyncLocalStorage } from 'node:async_hooks';
import { currentFrame, Frame, type HookSink, notBegun, runInFrame } from '../context/index.ts';
import { tooManyHooks } from './hook-limit.ts';
import { reportHookError } from './run-hooks.ts';

/** `starting`: it has not returned yet. `pending`: it has returned a promise. */
type HookState = 'starting' | 'pending' | 'ended';

/** A hook and the ambient contexts in which it was registered. */
interface WaitingHook {
  readonly run: () => unknown;
  readonly inContext: <Result>(body: () => Result) => Result;
}

/**
 * A hook that runs at once, since no transaction is open where it was registered. What it registers itself runs
 * when it has returned; hooks that register hooks without end are stopped at the limit.
 */
class HookAtOnce implements HookSink {
  readonly isAwaited: boolean = (currentFrame()?.begun ?? notBegun) !== notBegun;
  readonly isUndoing: false = false;
  readonly #limit: number;
  /** How many hooks have led to this one, each registered by the one before. */
  readonly #depth: number;
  #state: HookState = 'starting';
  /** What was registered before it has returned. */
  readonly #waiting: WaitingHook[];

  constructor(limit: number, depth: number, waiting: WaitingHook[]) {
    this.#limit = limit;
    this.#depth = depth;
    this.#waiting = waiting;
  }

  get open(): boolean {
    return this.#state !== 'ended';
  }

  commit(run: () => unknown): void {
    if (this.#depth >= this.#limit || this.#waiting.length > this.#limit) throw tooMany(this.#limit);
    if (this.#state === 'starting') this.#waiting.push({ run, inContext: AsyncLocalStorage.snapshot() });
    else runAll(run, this.#limit, this.#depth + 1);
  }

  /** Outside of a transaction there is nothing to compensate. */
  compensate(): void {}

  /** What the hook throws itself reaches the caller; what it rejects with later is reported as an event. */
  start(run: () => unknown): void {
    const outer = currentFrame();
    const { client, level, scope } = outer ?? { client: undefined, level: undefined, scope: undefined };
    const frame = new Frame(outer, { client, level, scope, hooks: this });
    let result: unknown;
    try {
      result = runInFrame(frame, run, undefined);
    } catch (error) {
      this.#state = 'ended';
      throw error;
    }
    this.#state = 'pending';
    Promise.resolve(result)
      .catch((error: unknown) => reportHookError({ hook: 'commit', transaction: undefined, error }))
      .finally(() => (this.#state = 'ended'));
  }
}

/** Runs a hook, and then those that it has registered. @throws what one throws itself; HookLimitError */
export function runAtOnce(run: () => unknown, limit: number): void {
  runAll(run, limit, 0);
}

/** One that throws stops no other; what the first of them has thrown is thrown at the end, and the rest is reported. */
function runAll(first: () => unknown, limit: number, depth: number): void {
  const errors: unknown[] = [];
  const hooks: WaitingHook[] = [{ run: first, inContext: (body) => body() }];
  // The list grows while it is gone through.
  for (const [at, { run, inContext }] of hooks.entries()) {
    try {
      inContext(() => new HookAtOnce(limit, depth + at, hooks).start(run));
    } catch (error) {
      errors.push(error);
    }
  }
  for (const error of errors.slice(1)) reportHookError({ hook: 'commit', transaction: undefined, error });
  if (errors.length > 0) throw errors[0];
}

function tooMany(limit: number): Error {
  return tooManyHooks('outside of a transaction', limit, 'this one is not run');
}
