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

/** Waits for `delay` milliseconds, or rejects with the signal's reason. */
export function sleep(clock: Clock, delay: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.setTimer(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delay);
    signal?.addEventListener('abort', onAbort, { once: true });
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
