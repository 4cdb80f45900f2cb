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
 * Calls back once when a signal of ours aborts, which few follow: at once where it has.
 * @returns takes the callback back
 */
export function onOwnAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  signal.addEventListener('abort', callback, { once: true });
  return () => signal.removeEventListener('abort', callback);
}

/**
 * Calls back once when a signal of the program aborts: at once where it has. Very many may follow the same one, such as that of
 * a whole program: an EventTarget would compare each new listener with all that it has, and so would taking it back.
 * @returns takes the callback back
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const followed: Followed = signal;
  const before = followed[following];
  if (before === undefined || signal.aborted) {
    if (!signal.aborted) followed[following] = callback;
    const stop = onOwnAbort(signal, callback);
    return () => (followed[following] === callback ? leave(followed, stop) : followersOf(followed)?.delete(callback));
  }
  const followers = typeof before === 'function' ? new Followers(followed, before) : before;
  return followers.add(callback);
}

/** Under which a signal has who follows it: weak maps with very many entries are slow to collect. */
const following = Symbol('sluice.following');

/** Most signals have one who follows, by itself. */
interface Followed extends AbortSignal {
  [following]?: (() => void) | Followers | undefined;
}

function followersOf(signal: Followed): Followers | undefined {
  const those = signal[following];
  return typeof those === 'function' ? undefined : those;
}

function leave(signal: Followed, stop: () => void): void {
  signal[following] = undefined;
  stop();
}

/** Several who follow a signal, as a single listener of it. */
class Followers {
  readonly #signal: Followed;
  readonly #those: Set<() => void>;
  readonly #tell = (): void => {
    for (const callback of this.#those) callback();
    this.#those.clear();
  };

  /** @param first who was alone until now */
  constructor(signal: Followed, first: () => void) {
    this.#signal = signal;
    this.#those = new Set([first]);
    signal.removeEventListener('abort', first);
    signal[following] = this;
    signal.addEventListener('abort', this.#tell, { once: true });
  }

  add(callback: () => void): () => void {
    // The same one may follow twice.
    const own = this.#those.has(callback) ? (): void => callback() : callback;
    this.#those.add(own);
    return () => this.delete(own);
  }

  delete(callback: () => void): void {
    if (!this.#those.delete(callback) || this.#those.size > 0 || this.#signal.aborted) return;
    this.#signal[following] = undefined;
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

/** Calls at the end of this turn of the event loop, after what is issued in it. */
export function atEndOfTurn(send: () => void): void {
  queueMicrotask(() => process.nextTick(send));
}
