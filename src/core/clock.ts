/** Ends a timer that has not fired; afterwards it does nothing. */
export type CancelTimer = () => void;

/** The time, so that a test can replay a run exactly. All times are milliseconds. */
export interface Clock {
  /** A monotonic time. */
  now(): number;
  /** Calls `callback` once after `delay`; `background` timers do not keep the process alive. */
  setTimer(callback: () => void, delay: number, background?: boolean): CancelTimer;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(callback, delay, background = false) {
    const timer = setTimeout(callback, delay);
    if (background) timer.unref();
    return () => clearTimeout(timer);
  },
};

/**
 * Calls back once when a signal aborts: at once where it has. Very many may follow the same one, such as that of a whole
 * program: an EventTarget would compare each new listener with all that it has, and so would taking it back.
 * @returns takes the callback back
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  return (Followers.of.get(signal) ?? new Followers(signal)).add(callback);
}

/** Those who follow a signal, as a single listener of it. */
class Followers {
  static readonly of = new WeakMap<AbortSignal, Followers>();
  readonly #signal: AbortSignal;
  readonly #those = new Set<() => void>();
  readonly #tell = (): void => {
    this.#end();
    for (const each of this.#those) each();
    this.#those.clear();
  };

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    Followers.of.set(signal, this);
    signal.addEventListener('abort', this.#tell, { once: true });
  }

  add(callback: () => void): () => void {
    // The same callback may follow twice.
    const own = (): void => callback();
    this.#those.add(own);
    return () => {
      if (this.#those.delete(own) && this.#those.size === 0) this.#end();
    };
  }

  #end(): void {
    Followers.of.delete(this.#signal);
    this.#signal.removeEventListener('abort', this.#tell);
  }
}

/** Waits for `delay` milliseconds, or rejects with the signal's reason. */
export function sleep(clock: Clock, delay: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const cancel = clock.setTimer(() => {
      stop?.();
      resolve();
    }, delay);
    const stop =
      signal &&
      onAbort(signal, () => {
        cancel();
        reject(signal.reason as Error);
      });
  });
}

/**
 * Waits for work, and not longer than so many milliseconds.
 * @returns whether it has ended by then; a later failure is ignored
 * @throws what it fails with until then
 */
export async function endsWithin(clock: Clock, work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const ended = work.then(() => true);
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const cancelTimer = clock.setTimer(() => resolve(false), milliseconds);
  try {
    return await Promise.race([ended, late]);
  } finally {
    cancelTimer();
  }
}
