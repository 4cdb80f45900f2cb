import { sleep, systemClock } from '../core/index.ts';
import { Attempt, placeOf } from './attempt.ts';
import type { IdempotentAnswer, IdempotentCall } from './call.ts';
import { conflict, inProgress, waitsForItself } from './errors.ts';
import { flightsAt, follow, type StoredAnswer } from './flights.ts';
import { isHeldAround } from './held-keys.ts';

/** The pause before a key is claimed again, in milliseconds. */
const pause = 20;

/**
 * Makes an idempotent call: waits for one with the same key in this process, which takes no connection; or claims the key in a
 * transaction, where it waits for one in another process.
 */
export async function runIdempotent<Value>(call: IdempotentCall<Value>): Promise<IdempotentAnswer<Value>> {
  // It has a connection already, which the other one may be waiting for.
  if (call.joins) return await new Attempt(call).run();
  if (isHeldAround(call.db, call.id)) throw waitsForItself(call.scope, placeOf(call));
  const flights = flightsAt(call.db);
  const until = systemClock.now() + call.timeout;
  for (;;) {
    const flight = flights.get(call.id);
    if (flight === undefined) break;
    const tooLong = (): Error => inProgress(call.scope, call.timeout, placeOf(call));
    const stored = await follow(flight, { timeout: until - systemClock.now(), tooLong, signal: call.signal });
    if (stored === undefined) continue;
    if (stored.fingerprint !== call.fingerprint) throw conflict(call.scope, placeOf(call));
    return { value: call.read(stored.answer), isReplayed: true };
  }
  const { promise, resolve } = Promise.withResolvers<StoredAnswer | undefined>();
  flights.set(call.id, promise);
  let attempt = new Attempt(call);
  try {
    for (;;) {
      try {
        return await attempt.run();
      } catch (error) {
        if (!attempt.mayRepeat(error) || systemClock.now() >= until) throw error;
      }
      await sleep(systemClock, pause * (0.5 + Math.random()), call.signal);
      attempt = new Attempt(call);
    }
  } finally {
    flights.delete(call.id);
    resolve(attempt.stored);
  }
}
