import { currentContext, currentFrame } from '../context/index.ts';
import { onAbort, systemClock } from '../core/index.ts';
import { deadlineExceeded } from '../connection/index.ts';
import { clientOf, type Db } from '../database/index.ts';
import { scopeAt } from '../transaction/index.ts';

/** What a call has left under its key. */
export interface StoredAnswer {
  readonly fingerprint: string;
  readonly answer: string;
}

/** Resolves when the call that has a key in this process has ended: with what it left, or with nothing where it failed. */
export type Flight = Promise<StoredAnswer | undefined>;

/** The flights of each client, by the ids of their keys. A test that rolls back has its own. */
const flights = new WeakMap<object, Map<string, Flight>>();

/** The calls that are under way where this one is made, so that others with their keys need no connection to wait. */
export function flightsAt(db: Db): Map<string, Flight> {
  const client = clientOf(db);
  const place = scopeAt(currentFrame(), { client, level: undefined })?.base ?? client;
  const known = flights.get(place) ?? new Map<string, Flight>();
  flights.set(place, known);
  return known;
}

/** How long is waited for a flight. */
export interface Patience {
  /** In milliseconds. */
  readonly timeout: number;
  /** What is thrown after that. */
  readonly tooLong: () => Error;
  /** Ends the wait with its reason. */
  readonly signal: AbortSignal | undefined;
}

/** Waits for a flight. @throws what `tooLong` gives; DeadlineExceededError; the reason of the signal */
export async function follow(
  flight: Flight,
  { timeout, tooLong, signal }: Patience,
): Promise<StoredAnswer | undefined> {
  const { remaining = Number.POSITIVE_INFINITY } = currentContext();
  const { promise, reject } = Promise.withResolvers<never>();
  const end = remaining < timeout ? () => deadlineExceeded('A call that waited for one with the same key') : tooLong;
  const cancelTimer = systemClock.setTimer(() => reject(end()), Math.max(0, Math.min(timeout, remaining)));
  const unfollow = signal === undefined ? undefined : onAbort(signal, () => reject(signal.reason as Error));
  try {
    return await Promise.race([flight, promise]);
  } finally {
    cancelTimer();
    unfollow?.();
  }
}
