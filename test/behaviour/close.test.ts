import { describe, expect, it, onTestFinished } from 'vitest';
import { afterCommit, afterRollback, type Database } from '../../src/index.ts';
import { engine, insert, itWith, useTestDatabase } from '../support/database.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { notedTime } from '../support/noted-time.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const forever = new Promise<never>(() => {});

/** What has become of calls by now. */
function follow(...calls: Promise<unknown>[]): () => readonly unknown[] {
  const ends: unknown[] = calls.map(() => 'pending');
  for (const [index, call] of calls.entries()) {
    call.then(
      () => (ends[index] = 'resolved'),
      (error: { code?: unknown }) => (ends[index] = error.code),
    );
  }
  return () => [...ends];
}

describe('when close({ timeout }) has resolved', () => {
  it('callers of transactions that did not end were told, and their compensations have run', async () => {
    const database = server.open({ max: 1 });
    const ran: string[] = [];
    const stuck = database.transaction(async () => {
      afterRollback(async () => {
        // In a transaction of its own, as a compensation may.
        await database.transaction(() => insert(database, 2));
        ran.push('compensation');
      });
      await insert(database, 1);
      await forever;
    });
    const ends = follow(
      stuck,
      database.transaction(async () => {
        afterRollback(() => void ran.push('without a statement'));
        await forever;
      }),
    );
    await until('it holds a connection', () => database.stats().clients.default.used === 1);
    const waiting = follow(insert(database, 3));
    await database.close({ timeout: 20 });
    expect(ends()).toEqual(['DATABASE_CLOSED', 'DATABASE_CLOSED']);
    expect(waiting()).toEqual(['DATABASE_CLOSED']);
    expect(ran.toSorted()).toEqual(['compensation', 'without a statement']);
    expect(await server.products()).toEqual([2]);
    expect(database.stats().clients.default.used).toBe(0);
  });

  it('one that awaited it inside of a transaction was told that it had waited for itself', async () => {
    const database = server.open({ max: 1 });
    const closing = database.transaction(async () => {
      await insert(database, 1);
      await database.close({ timeout: 20 });
    });
    expect(await rejection(closing)).toMatchObject({
      code: 'DATABASE_CLOSED',
      remedy: expect.stringContaining('waited for itself') as string,
    });
    expect(await server.products()).toEqual([]);
  });

  itWith('slow statements')('callers of statements that did not end were told', async () => {
    const database = server.open({ max: 2 });
    const statement = engine.sql.sleep(60);
    const ends = follow(
      database.current.query(statement),
      database.transaction(() => database.current.query(statement)),
    );
    await until('both run', async () => (await server.running(statement)) === 2);
    await database.close({ timeout: 20 });
    // What a function call has written is unknown where the server does not confirm in time that it was cancelled.
    expect(ends()).toEqual([expect.stringMatching(/^(?:DATABASE_CLOSED|CONNECTION_LOST)$/), 'DATABASE_CLOSED']);
    await until('the server has let go of them', async () => (await server.connections()) === 0);
  });

  itWith('raised errors')(
    'callers who paused before another attempt were told, at once where it takes too long',
    async () => {
      const database = server.open();
      let attempts = 0;
      const paused = follow(
        database.transaction(
          async () => {
            attempts += 1;
            await database.current.query("do $$ begin raise exception using errcode = '40001'; end $$");
          },
          { retry: { attempts: 2, delay: 60_000 } },
        ),
      );
      await until('it pauses', () => attempts === 1 && database.stats().clients.default.used === 0);
      await database.close({ timeout: 20 });
      expect(paused()).toEqual(['DATABASE_CLOSED']);
      expect(attempts).toBe(1);
    },
  );

  itWith('raised errors')('another attempt was let end that came in time', async () => {
    const database = server.open();
    let attempts = 0;
    const repeated = follow(
      database.transaction(
        async () => {
          attempts += 1;
          if (attempts === 1)
            await database.current.query("do $$ begin raise exception using errcode = '40001'; end $$");
          else await insert(database, 1);
        },
        { retry: { attempts: 2, delay: 50 } },
      ),
    );
    await until('it pauses', () => attempts === 1 && database.stats().clients.default.used === 0);
    await database.close();
    expect(repeated()).toEqual(['resolved']);
    expect(await server.products()).toEqual([1]);
  });

  it('a compensation that never ends has kept it for five seconds, and no longer', { timeout: 30_000 }, async () => {
    const database = server.open();
    const stuck = follow(
      database.transaction(async () => {
        afterRollback(() => forever);
        await insert(database, 1);
        await forever;
      }),
    );
    await until('it holds a connection', () => database.stats().clients.default.used === 1);
    await database.close({ timeout: 20 });
    expect(stuck()).toEqual(['DATABASE_CLOSED']);
  });
});

describe('hooks that never end', () => {
  it('after a commit keep close() no longer than its timeout, and the caller is told of the commit', async () => {
    const { clock, waited } = notedTime();
    const database = server.open({}, { clock });
    let isReached = false;
    const call = rejection(
      database.transaction(async () => {
        afterCommit(() => {
          isReached = true;
          return forever;
        });
        await insert(database, 1);
        return 'result';
      }),
    );
    const ends = follow(call.then((error) => Promise.reject(error)));
    await until('the hook runs', () => isReached);
    await database.close({ timeout: 20 });
    expect(ends()).toEqual(['AFTER_COMMIT']);
    expect(waited()).toBe(false);
    expect(await call).toMatchObject({ committed: true, result: 'result', cause: { code: 'DATABASE_CLOSED' } });
  });

  it('after a rollback: the caller is told what it was rolled back for', { timeout: 30_000 }, async () => {
    const database = server.open();
    let isReached = false;
    const ends = follow(
      database.transaction(async () => {
        afterRollback(() => {
          isReached = true;
          return forever;
        });
        await insert(database, 1);
        throw Object.assign(new Error('no stock'), { code: 'NO_STOCK' });
      }),
    );
    await until('the compensation runs', () => isReached);
    await database.close({ timeout: 20 });
    expect(ends()).toEqual(['NO_STOCK']);
  });

  it('and were given up by the timeout of their transaction keep close() no longer than its own', async () => {
    const { clock, waited } = notedTime();
    const database = server.open({}, { clock });
    const call = database.transaction(
      async () => {
        afterCommit(() => forever);
        await insert(database, 1);
      },
      { timeout: 500 },
    );
    expect(await rejection(call)).toMatchObject({ code: 'AFTER_COMMIT', cause: { code: 'TRANSACTION_TIMEOUT' } });
    await database.close({ timeout: 20 });
    expect(waited()).toBe(false);
  });
});

describe('a network that has fallen silent', () => {
  const fallSilent = (proxy: FaultProxy): void => proxy.set('down', { type: 'swallow', after: 0 });
  const calls: Record<
    string,
    { readonly told: object; readonly run: (database: Database<'default'>, proxy: FaultProxy) => Promise<unknown> }
  > = {
    'a read outside of a transaction': {
      told: { code: 'DATABASE_CLOSED', message: expect.stringContaining('close() ended it') as string },
      run: async (database, proxy) => {
        fallSilent(proxy);
        await database.current.query('select id from product');
      },
    },
    'a write outside of a transaction': {
      told: { code: 'CONNECTION_LOST', cause: { code: 'DATABASE_CLOSED' } },
      run: async (database, proxy) => {
        fallSilent(proxy);
        await insert(database, 1);
      },
    },
    'a statement': {
      told: { code: 'DATABASE_CLOSED' },
      run: (database, proxy) =>
        database.transaction(async () => {
          await insert(database, 1);
          fallSilent(proxy);
          await insert(database, 2);
        }),
    },
    'a COMMIT': {
      told: { code: 'COMMIT_UNKNOWN', cause: { code: 'DATABASE_CLOSED' } },
      run: (database, proxy) =>
        database.transaction(async () => {
          await insert(database, 1);
          fallSilent(proxy);
        }),
    },
    'a ROLLBACK': {
      told: { code: 'NO_STOCK' },
      run: (database, proxy) =>
        database.transaction(async () => {
          await insert(database, 1);
          fallSilent(proxy);
          throw Object.assign(new Error('no stock'), { code: 'NO_STOCK' });
        }),
    },
    'the rollback of a savepoint': {
      told: { code: 'DATABASE_CLOSED' },
      run: (database, proxy) =>
        database.transaction(async () => {
          await database.transaction(
            async () => {
              await insert(database, 1);
              fallSilent(proxy);
              throw new Error('no stock');
            },
            { propagation: 'NESTED' },
          );
        }),
    },
  };
  for (const [name, { told, run }] of Object.entries(calls)) {
    itWith('sessions')(`in ${name}: close() waits for nothing but its timeout`, async () => {
      const proxy = await startFaultProxy(server.url);
      onTestFinished(() => proxy.close());
      const { clock, waited } = notedTime();
      const database = server.open({ connectionString: proxy.url, max: 1 }, { clock });
      await database.current.query('select id from product');
      const call = rejection(run(database, proxy));
      const ends = follow(call);
      await until('the answer is missing', () => proxy.hasStruck('down'));
      await database.close({ timeout: 20 });
      expect(ends()).toEqual(['resolved']);
      expect(await call).toMatchObject(told);
      expect(waited()).toBe(false);
    });
  }
});
