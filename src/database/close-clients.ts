import { setImmediate } from 'node:timers/promises';
import { type Check, type Clock, milliseconds } from '../core/index.ts';
import { DatabaseClosedError } from '../pool/index.ts';
import type { Client } from './client.ts';

/** Options of `close()`. */
export interface CloseOptions {
  /** How long running work may take to end by itself, in milliseconds. Default 10,000. */
  readonly timeout?: number | undefined;
}

export const closeChecks: Record<keyof CloseOptions, Check> = { timeout: milliseconds(0) };

/** How long it waits for what it has ended, in milliseconds. */
const patience = { forCompensations: 5_000, forCut: 1_000 } as const;

/** How clients are closed. */
interface Closing {
  readonly clock: Clock;
  /** In milliseconds. */
  readonly timeout: number;
  /** Whether a transaction of theirs is open around the call, which cannot end before it. */
  readonly waitsForItself: boolean;
}

/** Refuses new work, lets what runs end within the timeout, ends what has not, and closes every connection. */
export async function closeClients(
  clients: readonly Client[],
  { clock, timeout, waitsForItself }: Closing,
): Promise<void> {
  for (const { pool } of clients) pool.startClosing();
  const isIdle = await idleWithin(clients, clock, timeout);
  if (!isIdle) {
    for (const { name, work, pool } of clients) {
      const reason = tookTooLong(timeout, name, waitsForItself);
      work.abort(reason);
      pool.startUndoing(reason);
    }
    // Their callers are told, and compensations may need connections.
    await idleWithin(clients, clock, patience.forCompensations);
  }
  await Promise.all(clients.map((client) => client.end()));
  if (isIdle) return;
  await idleWithin(clients, clock, patience.forCut);
  // The callers of what has just ended get its result in this turn of the event loop.
  await setImmediate();
}

function idleWithin(clients: readonly Client[], clock: Clock, timeout: number): Promise<boolean> {
  return new Promise((resolve) => {
    const cancelTimer = clock.setTimer(() => resolve(false), timeout);
    void untilIdle(clients).then(() => {
      cancelTimer();
      resolve(true);
    });
  });
}

/** Between two attempts of a call, or two transactions of a chain that has begun, nothing is in progress for a moment. */
async function untilIdle(clients: readonly Client[]): Promise<void> {
  do {
    await Promise.all(clients.map(({ work }) => work.whenIdle()));
    await setImmediate();
  } while (!clients.every(({ work }) => work.isIdle));
}

function tookTooLong(timeout: number, clientName: string, waitsForItself: boolean): DatabaseClosedError {
  return new DatabaseClosedError({
    what: `The database was closed while this work was running; close() ended it after ${timeout} ms`,
    remedy: waitsForItself
      ? 'Call close() after the transactions: it was awaited inside of one, and so waited for itself'
      : 'Give close() a longer timeout, or let the work end on its signal',
    at: { clientName },
  });
}
