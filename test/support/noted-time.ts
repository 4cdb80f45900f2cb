import { type Clock, systemClock } from '../../src/core/index.ts';

/** The time, and whether a wait of five seconds has passed, which is for compensations. */
export function notedTime(): { readonly clock: Clock; readonly waited: () => boolean } {
  let waited = false;
  const setTimer: Clock['setTimer'] = (callback, delay, background) =>
    systemClock.setTimer(
      () => {
        waited ||= delay === 5_000;
        callback();
      },
      delay,
      background,
    );
  return { clock: { ...systemClock, setTimer }, waited: () => waited };
}
