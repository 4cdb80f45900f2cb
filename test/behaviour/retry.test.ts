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

  itWith('several writers')('repeats whatever the body makes of the failure that ended it', async () => {
    const database = server.open();
    await server.sql('insert into product (id, stock) values (1, 10)');
    let attempts = 0;
    await database.transaction(
      async () => {
        attempts += 1;
        // As a library does that makes an error of its own from the text of the server's.
        await sell(database, attempts === 1).catch(() => {
          throw new Error('could not sell');
        });
      },
      { isolationLevel: 'SNAPSHOT', retry: { attempts: 2, delay: 1 } },
    );
    expect(attempts).toBe(2);
  });

  itWith('several writers')('ends twelve that read and then write, all of them', async () => {
    const database = server.open({ max: 12 });
    await server.sql('insert into product (id, stock) values (1, 0)');
    const settled = await Promise.allSettled(
      Array.from({ length: 12 }, () =>
        database.transaction(
          async () => {
            const { rows } = await database.current.query<{ stock: number }>('select stock from product where id = 1');
            const stock = (rows[0]?.stock ?? 0) + 1;
            await database.current.query('update product set stock = $1 where id = 1', [stock]);
          },
          { isolationLevel: 'SERIALIZABLE', retry: { attempts: 60, delay: 4 } },
        ),
      ),
    );
    expect(settled.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(await server.sql('select stock from product')).toEqual([{ stock: 12 }]);
  });

  describe('after a savepoint that was rolled back for a lock that was not to be had', () => {
    const options = { retry: { attempts: 3, delay: 1, lockTimeouts: true } };

    /** Runs the body while another transaction holds the row; counts its attempts. */
    async function attemptsOf(
      body: (database: Database<'default'>, attempt: number, takeRow: () => Promise<unknown>) => Promise<unknown>,
    ): Promise<number> {
      const database = server.open({ max: 2 });
      await server.sql('insert into product (id, stock) values (1, 10)');
      const held = signal();
      const done = signal();
      const holder = database.transaction(async () => {
        await database.current.query('select stock from product where id = 1 for update');
        held.fire();
        await done.promise;
      });
      await held.promise;
      let attempts = 0;
      const takeRow = (): Promise<unknown> =>
        database.transaction(() => database.current.query('select stock from product where id = 1 for update nowait'), {
          propagation: 'NESTED',
        });
      await rejection(
        database.transaction(() => {
          attempts += 1;
          return body(database, attempts, takeRow);
        }, options),
      );
      done.fire();
      await holder;
      return attempts;
    }

    itWith('row locks')('repeats where nothing was done since', async () => {
      const attempts = await attemptsOf((_database, _attempt, takeRow) =>
        takeRow().catch(() => {
          throw new Error('could not sell');
        }),
      );
      expect(attempts).toBe(3);
    });

    itWith('row locks')('repeats for the error that left it, whatever a sibling has done since', async () => {
      const attempts = await attemptsOf(async (database, attempt, takeRow) => {
        const [taken] = await Promise.allSettled([
          database.transaction(
            () =>
              takeRow().catch(() => {
                throw new Error('could not sell');
              }),
            { propagation: 'NESTED' },
          ),
          insert(database, attempt + 1),
        ]);
        if (taken.status === 'rejected') throw new Error('no sale', { cause: taken.reason });
      });
      expect(attempts).toBe(3);
    });

    itWith('row locks')('does not repeat for another error, after the body has gone on', async () => {
      const attempts = await attemptsOf(async (database, attempt, takeRow) => {
        await rejection(takeRow());
        await insert(database, attempt + 1);
        throw new Error('something else');
      });
      expect(attempts).toBe(1);
    });
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
