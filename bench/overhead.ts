import { Pool, type PooledConnection } from '../src/pool/index.ts';
import { systemClock } from '../src/core/index.ts';
import type { Database } from '../src/index.ts';
import { timeEach } from './rounds.ts';

/** What Sluice costs by itself, without a server, in nanoseconds. */
export interface Overhead {
  readonly joinedScope: number;
  readonly acquireAndRelease: number;
  readonly emptyTransaction: number;
}

const connection: PooledConnection = {
  onDeath() {},
  close: () => Promise.resolve(),
  destroy: () => Promise.resolve(),
};

async function nothing(): Promise<void> {}

export async function measureOverhead(database: Database, count: number): Promise<Overhead> {
  const { transaction } = database;
  const joinedScope = await transaction(() => timeEach(() => transaction(nothing), count));
  const emptyTransaction = await timeEach(() => transaction(nothing), count);
  return { joinedScope, emptyTransaction, acquireAndRelease: await acquireAndRelease(count) };
}

async function acquireAndRelease(count: number): Promise<number> {
  const pool = new Pool({
    clientName: 'default',
    settings: { max: 10, maxLevel: 4, budget: 14, acquireTimeout: 1_000, idleTimeout: 1_000 },
    clock: systemClock,
    open: () => Promise.resolve(connection),
  });
  const request = {
    level: 0,
    mayWait: true,
    admitted: true,
    holder: {
      describe: () => ({ clientName: 'default', level: 0, transaction: 'bench', age: 0, openedAt: undefined }),
      heldBesides: () => [],
    },
  };
  pool.release(await pool.acquire(request), true);
  const time = await timeEach(() => {
    const lease = pool.acquire(request);
    if (lease instanceof Promise) throw new Error('the connection is idle, so nothing has to wait');
    pool.release(lease, true);
  }, count);
  await pool.end();
  return time;
}
