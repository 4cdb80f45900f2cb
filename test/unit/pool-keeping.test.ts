import { notBegun } from '../../src/context/index.ts';
import { describe, expect, it } from 'vitest';
import { Pool, type PooledConnection, poolSettings } from '../../src/pool/index.ts';
import type { PoolOptions } from '../../src/driver/index.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

class TestConnection implements PooledConnection {
  isClosed = false;
  onDeath(): void {}
  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    return this.close();
  }
}

const holder = {
  describe: () => ({ clientName: 'default', level: 0, transaction: 'test', age: 0, openedAt: undefined }),
  heldBesides: () => [],
};

/** A pool on a clock that stands still, and what it has asked of its connections. */
function testPool(options: PoolOptions, random: () => number = () => 0) {
  const clock = new SimulatedClock();
  const asked: TestConnection[] = [];
  const pool = new Pool<TestConnection>({
    clientName: 'default',
    settings: poolSettings('default', options),
    clock,
    random,
    target: 'nowhere',
    open: async () => new TestConnection(),
    isSound: async (connection) => asked.push(connection) > 0,
  });
  const acquire = async () => await pool.acquire({ level: 0, holder, mayWait: true, begun: notBegun });
  const pass = async (milliseconds: number): Promise<void> => {
    const passed = clock.sleep(milliseconds);
    clock.advance();
    await passed;
  };
  return { pool, acquire, pass, asked };
}

describe('validateAfter', () => {
  it('asks nothing of a connection that was in use a moment ago, and of one that idled, once', async () => {
    const { pool, acquire, pass, asked } = testPool({ validateAfter: 100 });
    pool.release(await acquire(), true);
    await pass(99);
    const lease = await acquire();
    expect(asked).toEqual([]);
    pool.release(lease, true);
    await pass(100);
    expect((await acquire()).connection).toBe(lease.connection);
    expect(asked).toEqual([lease.connection]);
  });

  it('is off at 0', async () => {
    const { pool, acquire, pass, asked } = testPool({ validateAfter: 0 });
    pool.release(await acquire(), true);
    await pass(1_000_000);
    await acquire();
    expect(asked).toEqual([]);
  });
});

describe('maxLifetime', () => {
  it('is shorter by up to a tenth, by chance, so that not all connections are renewed at once', async () => {
    const chances = [0, 1, 0.5];
    const { pool, acquire, pass } = testPool({ maxLifetime: 1_000 }, () => chances.shift() ?? 0);
    const leases = [await acquire(), await acquire(), await acquire()];
    await pass(949);
    for (const lease of leases) pool.release(lease, true);
    expect(leases.map(({ connection }) => connection.isClosed)).toEqual([false, true, false]);
  });

  it('ends before the next use of a connection that idled meanwhile', async () => {
    const { pool, acquire, pass } = testPool({ maxLifetime: 1_000, validateAfter: 0, max: 1, maxLevel: 0 });
    const lease = await acquire();
    pool.release(lease, true);
    await pass(1_000);
    expect((await acquire()).connection).not.toBe(lease.connection);
    expect(lease.connection.isClosed).toBe(true);
  });

  it('is for ever at 0', async () => {
    const { pool, acquire, pass } = testPool({ maxLifetime: 0, validateAfter: 0 });
    const lease = await acquire();
    await pass(1_000_000_000);
    pool.release(lease, true);
    expect((await acquire()).connection).toBe(lease.connection);
  });
});
