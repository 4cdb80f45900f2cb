import { describe, expect, it } from 'vitest';
import { afterCommit, afterRollback, type Database } from '../../src/index.ts';
import { engine, insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, signal } from '../support/settled.ts';

const server = useTestDatabase();

/** Reads and writes so that another transaction's write in between makes it fail with 40001. */
async function sell(database: Database<'default'>, meddle: boolean): Promise<void> {
  await database.current.query('select stock from product where id = 1');
  if (meddle) await server.sql('update product set stock = stock - 1 where id = 1');
  await database.current.query('update product set stock = stock - 1 where id = 1');
}

describe('retry', () => {
  itWith('several writers')('repeats after a serialization failure, each attempt with hooks of its own', async () => {
    const database = server.open();
    await server.sql('insert into product (id, stock) values (1, 10)');
    const seen: string[] = [];
    let attempt = 0;
    await database.transaction(
      async () => {
        attempt += 1;
        const name = `attempt ${attempt}`;
        afterCommit(() => seen.push(`${name} committed`));
        afterRollback(() => seen.push(`${name} compensated`));
        await sell(database, attempt < 3);
      },
      { isolationLevel: 'SNAPSHOT', retry: { attempts: 5, delay: 1 } },
    );
    expect(seen).toEqual(['attempt 1 compensated', 'attempt 2 compensated', 'attempt 3 committed']);
    expect(await server.sql('select stock from product')).toEqual([{ stock: 7 }]);
  });

  itWith('deadlocks')('repeats after a deadlock', async () => {
    const database = server.open({ options: '-c deadlock_timeout=50ms' });
    await server.sql('insert into product (id, stock) values (1, 0), (2, 0)');
    let attempts = 0;
    const bothHoldOne = signal();
    const touch = (first: number, second: number): Promise<void> =>
      database.transaction(
        async () => {
          await database.current.query('update product set stock = stock + 1 where id = $1', [first]);
          attempts += 1;
          if (attempts === 2) bothHoldOne.fire();
          await bothHoldOne.promise;
          await database.current.query('update product set stock = stock + 1 where id = $1', [second]);
        },
        { retry: { attempts: 10, delay: 1 } },
      );
    await Promise.all([touch(1, 2), touch(2, 1)]);
    expect(attempts).toBeGreaterThan(2);
    expect(await server.sql('select stock from product order by id')).toEqual([{ stock: 2 }, { stock: 2 }]);
  });

  itWith('several writers')('gives up after the given attempts with the last error', async () => {
    const database = server.open();
    await server.sql('insert into product (id, stock) values (1, 10)');
    let attempts = 0;
    const error = await rejection(
      database.transaction(
        async () => {
          attempts += 1;
          await sell(database, true);
        },
        { isolationLevel: 'SNAPSHOT', retry: { attempts: 3, delay: 1 } },
      ),
    );
    expect(attempts).toBe(3);
    expect(error).toMatchObject(engine.errors.serialization);
  });

  itWith('several writers')('sees the failure through an error that wraps it, and one that was swallowed', async () => {
    const database = server.open();
    await server.sql('insert into product (id, stock) values (1, 10)');
    for (const wrap of [true, false]) {
      let attempts = 0;
      await database.transaction(
        async () => {
          attempts += 1;
          await sell(database, attempts === 1).catch((cause: unknown) => {
            if (wrap) throw new Error('could not sell', { cause });
          });
        },
        { isolationLevel: 'SNAPSHOT', retry: { attempts: 2, delay: 1 } },
      );
      expect(attempts).toBe(2);
    }
  });

  it('does not repeat after any other error', async () => {
    const database = server.open();
    let attempts = 0;
    await rejection(
      database.transaction(
        async () => {
          attempts += 1;
          await insert(database, 1);
          await insert(database, 1);
        },
        { retry: { attempts: 3 } },
      ),
    );
    expect(attempts).toBe(1);
  });

  itWith('raised errors')(
    'does not repeat what has committed, though a savepoint in it met a serialization failure',
    async () => {
      const database = server.open();
      let attempts = 0;
      const error = await rejection(
        database.transaction(
          async () => {
            attempts += 1;
            await insert(database, attempts);
            await database.transaction(
              () => database.current.query("do $$ begin raise exception using errcode = '40001'; end $$"),
              { propagation: 'NESTED' },
            );
          },
          { retry: { attempts: 3, delay: 1 }, rollbackOn: () => false },
        ),
      );
      expect(error).toMatchObject(engine.errors.serialization);
      expect(attempts).toBe(1);
      expect(await server.products()).toEqual([1]);
    },
  );

  it('belongs to the transaction that begins: an inner scope that joins does not repeat', async () => {
    const database = server.open();
    await server.sql('insert into product (id, stock) values (1, 10)');
    let attempts = 0;
    await rejection(
      database.transaction(
        () =>
          database.transaction(
            async () => {
              attempts += 1;
              await sell(database, true);
            },
            { retry: { attempts: 3, delay: 1 } },
          ),
        { isolationLevel: 'SNAPSHOT' },
      ),
    );
    expect(attempts).toBe(1);
  });
});
