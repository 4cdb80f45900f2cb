import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { afterCommit, type Database, formatHolders, type HolderInfo, sql } from '../../src/index.ts';
import { createJobs, defineQueue, memory } from '../../src/queue/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();

/** Runs `look` while a transaction is in the middle of `body`, which ends when its signal fires. */
async function whileIn(
  database: Database,
  name: string,
  body: (go: Promise<void>) => Promise<unknown>,
  look: () => Promise<void>,
): Promise<void> {
  const go = signal();
  const running = database.transaction(() => body(go.promise), { name });
  try {
    await look();
  } finally {
    go.fire();
    await running;
  }
}

async function untilHolder(database: Database, what: (holder: HolderInfo) => boolean): Promise<HolderInfo> {
  let found: HolderInfo | undefined;
  await until('it is seen', async () => {
    found = (await database.holders()).find(what);
    return found !== undefined;
  });
  if (found === undefined) throw new Error('until it was seen it was not');
  return found;
}

describe('holders()', () => {
  it('has nobody where nothing is open', async () => {
    const database = server.open();
    await insert(database, 1);
    expect(await database.holders()).toEqual([]);
    expect(formatHolders([])).toContain('No connection');
  });

  it('tells a transaction that waits for the program', async () => {
    const database = server.open();
    await whileIn(
      database,
      'checkout',
      async (go) => {
        await insert(database, 1);
        await go;
      },
      async () => {
        const holder = await untilHolder(database, ({ waitsFor }) => waitsFor.type === 'code');
        expect(holder).toMatchObject({
          kind: 'transaction',
          name: 'checkout',
          clientName: 'default',
          level: 0,
          attempt: 1,
        });
        expect(holder).toMatchObject({ running: undefined, outerId: undefined, chainId: holder.id });
        expect(holder.backend?.id).toEqual(expect.any(Number));
        expect(holder.origin).toContain('holders.test.ts');
        expect(holder.age).toBeGreaterThanOrEqual(holder.waitsFor.for);
        expect(formatHolders([holder])).toMatch(
          /^1 hold a connection, 0 wait for one\.\ntransaction "checkout" .*\n {2}waits for the program/,
        );
      },
    );
  });

  itWith('several writers')('tells those who wait for a connection', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    let waiting: Promise<unknown> | undefined;
    await whileIn(
      database,
      'first',
      async (go) => {
        await insert(database, 1);
        await go;
      },
      async () => {
        await untilHolder(database, ({ waitsFor }) => waitsFor.type === 'code');
        waiting = insert(database, 2);
        const holder = await untilHolder(database, ({ kind }) => kind === 'statement');
        expect(holder).toMatchObject({
          backend: undefined,
          waitsFor: { type: 'connection' },
          name: 'single statement',
        });
        expect(formatHolders(await database.holders())).toContain('1 hold a connection, 1 wait for one.');
      },
    );
    await waiting;
  });

  itWith('several writers')('tells an outer transaction and the one that it waits for', async () => {
    const database = server.open();
    await whileIn(
      database,
      'outer',
      async (go) => {
        await insert(database, 1);
        const inner = async (): Promise<void> => {
          await database.query('select 1');
          await go;
        };
        await database.transaction(inner, { name: 'inner', propagation: 'REQUIRES_NEW' });
      },
      async () => {
        const inner = await untilHolder(database, (each) => each.name === 'inner' && each.waitsFor.type === 'code');
        const outer = (await database.holders()).find(({ name }) => name === 'outer');
        expect(inner).toMatchObject({ outerId: outer?.id, chainId: outer?.id, level: 1 });
        expect(outer?.waitsFor).toMatchObject({ type: 'transaction', id: inner.id });
        expect(formatHolders(await database.holders())).toMatch(/\n {2}transaction "inner"/);
      },
    );
  });

  itWith('row locks', 'several writers')('tells a wait for a row, and who has locked it', async () => {
    const database = server.open();
    let waiting: Promise<unknown> | undefined;
    await insert(database, 1);
    await whileIn(
      database,
      'owner',
      async (go) => {
        await database.query(sql`update product set id = 1 where id = ${1}`);
        await go;
      },
      async () => {
        await untilHolder(database, ({ waitsFor }) => waitsFor.type === 'code');
        waiting = database.transaction(() => database.query(sql`update product set id = 1 where id = ${1}`), {
          name: 'waiter',
        });
        const waiter = await untilHolder(database, ({ waitsFor }) => waitsFor.type === 'lock');
        const owner = (await database.holders()).find(({ name }) => name === 'owner');
        expect(waiter).toMatchObject({ name: 'waiter', running: { text: 'update product set id = ? where id = $1' } });
        expect(waiter.waitsFor).toMatchObject({ owners: [{ holderId: owner?.id, idle: true }] });
        expect(formatHolders(await database.holders())).toMatch(/waits for a lock on .*product.* held by "owner"/);
      },
    );
    await waiting;
  });

  it('tells a job that is awaited, a hook and a turn', async () => {
    const database = server.open();
    const queue = defineQueue<number, number>('slow');
    const jobs = createJobs(database, { engine: memory(), queues: { slow: queue } });
    const go = signal();
    const hookGo = signal();
    jobs.worker().handle(queue, async (value) => {
      await go.promise;
      return value;
    });
    const running = database.transaction(
      async () => {
        await insert(database, 1);
        afterCommit(() => hookGo.promise);
        await jobs.queues.slow.pushAsync(1);
      },
      { name: 'awaits' },
    );
    try {
      const holder = await untilHolder(database, ({ waitsFor }) => waitsFor.type === 'job');
      expect(holder).toMatchObject({
        name: 'awaits',
        waitsFor: { queue: 'slow', jobId: expect.any(String) as string },
      });
      go.fire();
      const hooked = await untilHolder(database, ({ waitsFor }) => waitsFor.type === 'hook');
      expect(hooked).toMatchObject({ backend: undefined, waitsFor: { hook: 'afterCommit' } });
    } finally {
      go.fire();
      hookGo.fire();
      await running;
      await jobs.close();
    }
  });

  itWith('several writers')('shows no literals and no values, and is bounded', async () => {
    const database = server.open({ max: 5 });
    const go = signal();
    const bodies = Array.from({ length: 4 }, () =>
      database.transaction(async () => {
        await database.query("select $1 as a, 'canary' as b", ['canary']);
        await go.promise;
      }),
    );
    try {
      await until('all are open', async () => (await database.holders({ locks: false })).length === 4);
      expect(inspect(await database.holders(), { depth: 9 })).not.toContain('canary');
      expect(await database.holders({ limit: 2 })).toHaveLength(2);
      expect(await rejection(database.holders({ limit: -1 }))).toMatchObject({ code: 'INVALID_OPTION' });
    } finally {
      go.fire();
      await Promise.all(bodies);
    }
  });
});
