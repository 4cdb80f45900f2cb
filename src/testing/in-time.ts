import { setTimeout as pause } from 'node:timers/promises';
import type { TransactionalClient } from '../connection/index.ts';
import { endsWithin, systemClock } from '../core/index.ts';

/** How long what is stopped may hold on to its connections, in milliseconds. */
const stopsWithin = 2_000;

interface Limit {
  readonly milliseconds: number;
  /** On whose connections it works. */
  readonly clients: readonly TransactionalClient[];
  /** What it fails with where it has not ended by then. */
  readonly late: () => Error;
}

/** Runs what a program has given; what of it is under way on the database when its time is over is ended. */
export async function inTime<Result>(
  work: () => Result | PromiseLike<Result>,
  { milliseconds, clients, late }: Limit,
): Promise<Result> {
  const working = (async () => await work())();
  if (await endsWithin(systemClock, working, milliseconds)) return await working;
  const error = late();
  for (const client of clients) for (const each of client.work) each.abort(error);
  // What it awaits besides may never come.
  for (let left = stopsWithin; left > 0 && clients.some(isInUse); left -= step) await pause(step);
  throw error;
}

const step = 5;

function isInUse({ pool, work }: TransactionalClient): boolean {
  return [...work].length > 0 || pool.stats().used > 0;
}
