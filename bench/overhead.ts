import type { Database } from '../src/index.ts';
import { barePool, request } from './bare-pool.ts';
import { timeEach } from './rounds.ts';

/** What Sluice costs by itself, without a server, in nanoseconds. */
export interface Overhead {
  readonly joinedScope: number;
  readonly acquireAndRelease: number;
  readonly emptyTransaction: number;
}

async function nothing(): Promise<void> {}

export async function measureOverhead(database: Database, count: number): Promise<Overhead> {
  const { transaction } = database;
  const joinedScope = await transaction(() => timeEach(() => transaction(nothing), count));
  const emptyTransaction = await timeEach(() => transaction(nothing), count);
  return { joinedScope, emptyTransaction, acquireAndRelease: await acquireAndRelease(count) };
}

async function acquireAndRelease(count: number): Promise<number> {
  const pool = barePool(10, 4);
  pool.release(await pool.acquire(request), true);
  const time = await timeEach(() => {
    const lease = pool.acquire(request);
    if (lease instanceof Promise) throw new Error('the connection is idle, so nothing has to wait');
    pool.release(lease, true);
  }, count);
  await pool.end();
  return time;
}
