// What Knex promises of its transactions, over the ambient pool: by themselves and inside of an ambient one.
import type { Knex } from 'knex';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase(
  // COMMIT of what writes into it takes as long as somebody else has the lock.
  'create table slow (id int primary key)',
  `create function wait_for_lock() returns trigger language plpgsql as $$
     begin perform pg_advisory_xact_lock(7); return null; end $$`,
  `create constraint trigger slowly after insert on slow deferrable initially deferred
     for each row execute function wait_for_lock()`,
);
let database: Database<'default'>;
let knex: Knex;

beforeEach(() => {
  database = server.open({ max: 2 });
  knex = createKnex(database);
});
afterEach(() => knex.destroy());

const insert = async (handle: Knex, id: number): Promise<unknown> => await handle('product').insert({ id });

/** What Knex gives for a transaction with a function; its types name the promise alone. */
interface Asked extends Promise<unknown> {
  on(event: string, listener: (query: { sql: string }) => void): this;
  isCompleted(): boolean;
  asCallback(callback: (error: unknown, value?: unknown) => void): Promise<unknown>;
}

describe.each(['outside of', 'inside of'])('a transaction of Knex %s an ambient one', (where) => {
  const run = (body: () => Promise<unknown>): Promise<unknown> =>
    where === 'outside of' ? body() : database.transaction(body);

  it('resolves with what its function returns, and rejects with what it throws', async () => {
    await run(async () => {
      expect(await knex.transaction(async (trx) => [await insert(trx, 1), 'value'][1])).toBe('value');
      const failed = new Error('failed');
      const thrown = knex.transaction(async (trx) => {
        await insert(trx, 2);
        throw failed;
      });
      expect(await rejection(thrown)).toBe(failed);
    });
    expect(await server.products()).toEqual([1]);
  });

  it('is ended by hand in a function that returns nothing', async () => {
    await run(async () => {
      const committed = await knex.transaction((trx) => {
        void insert(trx, 1).then(() => trx.commit('committed'));
      });
      expect(committed).toBe('committed');
      const failed = knex.transaction((trx) => {
        void insert(trx, 2).then(() => trx.rollback(new Error('by hand')));
      });
      expect((await rejection(failed)).message).toBe('by hand');
    });
    expect(await server.products()).toEqual([1]);
  });

  it('is rolled back by its function, and resolves or rejects as it was asked to', async () => {
    await run(async () => {
      const body = async (trx: Knex.Transaction): Promise<void> => {
        await insert(trx, 1);
        await trx.rollback();
        expect(trx.isCompleted()).toBe(true);
      };
      await knex.transaction(body);
      await rejection(knex.transaction(body, { doNotRejectOnRollback: false }));
    });
    expect(await server.products()).toEqual([]);
  });

  it('nests: siblings one after the other, each rolled back alone', async () => {
    await run(async () => {
      await knex.transaction(async (trx) => {
        await insert(trx, 1);
        const results = await Promise.allSettled([
          trx.transaction(async (inner) => await insert(inner, 2)),
          trx.transaction(async (inner) => {
            await insert(inner, 3);
            throw new Error('alone');
          }),
          trx.savepoint(async (inner) => {
            await insert(inner, 4);
            await inner.transaction(async (innermost) => await insert(innermost, 5));
          }),
        ]);
        expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
        await insert(trx, 6);
      });
    });
    expect(await server.products()).toEqual([1, 2, 4, 5, 6]);
  });

  it('is handed out to be ended by hand', async () => {
    await run(async () => {
      const committed = await knex.transaction();
      await insert(committed, 1);
      await committed.commit();
      const rolledBack = await knex.transactionProvider()();
      await insert(rolledBack, 2);
      await rolledBack.rollback();
      await insert(knex, 3);
    });
    expect(await server.products()).toEqual([1, 3]);
  });

  it('tells of its queries, calls back, and knows that it is completed', async () => {
    await run(async () => {
      const told: string[] = [];
      const transaction = knex.transaction((trx) => insert(trx, 1)) as unknown as Asked;
      const tell = ({ sql }: { sql: string }): void => void told.push(sql);
      expect(transaction.on('query', tell).on('query-response', () => void told.push('answered'))).toBe(transaction);
      expect(transaction.isCompleted()).toBe(false);
      await transaction;
      expect(transaction.isCompleted()).toBe(true);
      expect(told).toContainEqual('insert into "product" ("id") values (?)'.replace('?', '$1'));
      expect(told).toContain('answered');
      expect(told.at(0)).toMatch(/^(?:BEGIN|SAVEPOINT)/);
      const called = Promise.withResolvers<unknown>();
      const asked = knex.transaction(() => Promise.resolve('value')) as unknown as Asked;
      expect(await asked.asCallback((error, value) => called.resolve([error, value]))).toBe('value');
      expect(await called.promise).toEqual([null, 'value']);
      const failed = new Error('failed');
      const failing = knex.transaction(() => Promise.reject(failed)) as unknown as Asked;
      const failure = Promise.withResolvers<unknown>();
      failing.asCallback((error) => failure.resolve(error)).catch(() => {});
      expect(await failure.promise).toBe(failed);
      expect(await rejection(failing.finally(() => told.push('ended')))).toBe(failed);
      expect(await failing.catch(() => 'caught')).toBe('caught');
    });
    expect(await server.products()).toEqual([1]);
  });

  it('runs what is given a transaction with transacting, and batches', async () => {
    await run(async () => {
      await knex.transaction(async (trx) => {
        await knex('product').insert({ id: 1 }).transacting(trx);
        await trx.batchInsert('product', [{ id: 2 }, { id: 3 }], 1);
      });
      await knex.batchInsert('product', [{ id: 4 }, { id: 5 }], 1);
      await rejection(knex.batchInsert('product', [{ id: 6 }, { id: 1 }], 1));
    });
    expect(await server.products()).toEqual([1, 2, 3, 4, 5]);
  });

  it('refuses queries after its end', async () => {
    await run(async () => {
      let kept: Knex.Transaction | undefined;
      await knex.transaction(async (trx) => {
        kept = trx;
        await insert(trx, 1);
      });
      expect((await rejection(insert(kept as Knex, 2))).message).toContain('already complete');
    });
    expect(await server.products()).toEqual([1]);
  });
});

describe('a transaction of Knex', () => {
  it.each(['read uncommitted', 'read committed', 'repeatable read', 'serializable'] as const)(
    'runs at %s, and leaves nothing of it on the connection',
    async (isolationLevel) => {
      const show = async (handle: Knex): Promise<unknown> =>
        (await handle.raw<{ rows: { transaction_isolation: string }[] }>('show transaction_isolation')).rows[0]
          ?.transaction_isolation;
      expect(await knex.transaction(show, { isolationLevel })).toBe(isolationLevel);
      expect(await show(knex)).toBe('read committed');
    },
  );

  it('is read-only where it was asked to be', async () => {
    expect(await rejection(knex.transaction((trx) => insert(trx, 1), { readOnly: true }))).toMatchObject({
      code: '25006',
    });
  });
});

describe('the commit of a transaction of Knex', () => {
  const waiting = (): Promise<boolean> =>
    server
      .sql(`select 1 from pg_locks where locktype = 'advisory' and not granted and database =
        (select oid from pg_database where datname = current_database())`)
      .then(({ length }) => length > 0);

  const forms: Record<string, (committed: () => void) => Promise<unknown>> = {
    'in its function': (committed) =>
      knex.transaction(async (trx) => {
        await trx('slow').insert({ id: 1 });
        await trx.commit();
        committed();
      }),
    // As Objection's Model.startTransaction() takes it.
    'handed out by a function that returns nothing': async (committed) => {
      const trx = await new Promise<Knex.Transaction>((resolve, reject) => {
        knex.transaction((inner) => resolve(inner)).catch(reject);
      });
      await trx('slow').insert({ id: 1 });
      await trx.commit();
      committed();
      expect(await knex('slow').pluck('id')).toEqual([1]);
    },
    'handed out': async (committed) => {
      const trx = await knex.transaction();
      await trx('slow').insert({ id: 1 });
      await trx.commit();
      committed();
      expect(await knex('slow').pluck('id')).toEqual([1]);
    },
  };

  it.each(Object.keys(forms))('is told when the server has answered, %s', async (form) => {
    await server.sql('delete from slow');
    const locked = signal();
    const unlock = signal();
    const holder = database.transaction(async () => {
      await database.current.query('select pg_advisory_xact_lock(7)');
      locked.fire();
      await unlock.promise;
    });
    await locked.promise;
    let committed = false;
    const running = forms[form]?.(() => (committed = true));
    await until('the server is at the commit', waiting);
    expect(committed).toBe(false);
    unlock.fire();
    await Promise.all([running, holder]);
    expect(committed).toBe(true);
    expect(await server.sql('select id from slow')).toEqual([{ id: 1 }]);
  });

  it('fails as the server says, and hooks that fail after it do not undo it', async () => {
    await server.sql('create table if not exists line (product int references product deferrable initially deferred)');
    const failed = await rejection(
      knex.transaction(async (trx) => {
        await trx('line').insert({ product: 1 });
        await trx.commit();
      }),
    );
    expect(failed).toMatchObject({ code: '23503' });
    expect(await server.sql('select product from line')).toEqual([]);
    const hooked = await rejection(
      knex.transaction(async (trx) => {
        await insert(trx, 1);
        database.current.commit(() => {
          throw new Error('the hook');
        });
        return 'value';
      }),
    );
    expect(hooked).toMatchObject({ code: 'AFTER_COMMIT', result: 'value' });
    expect(await server.products()).toEqual([1]);
  });
});

describe('a query of Knex with a timeout that cancels', () => {
  const endless = async (handle: Knex): Promise<unknown> =>
    await handle.raw('select pg_sleep(600)').timeout(50, { cancel: true });
  const running = async (): Promise<number> => {
    const rows = await server.sql(
      "select 1 from pg_stat_activity where datname = current_database() and state = 'active' and query like '%pg_sleep%' and pid <> pg_backend_pid()",
    );
    return rows.length;
  };
  const timedOut = { name: 'KnexTimeoutError', timeout: 50 };

  it('ends on the server, outside of a transaction', async () => {
    expect(await rejection(endless(knex))).toMatchObject(timedOut);
    await until('nothing runs', async () => (await running()) === 0);
    await insert(knex, 1);
    expect(await server.products()).toEqual([1]);
  });

  const own: Record<string, (body: (trx: Knex) => Promise<unknown>) => Promise<unknown>> = {
    'in a transaction of its own': (body) => knex.transaction(body),
    'in one that nests in an ambient one': (body) =>
      database.transaction(async () => {
        const nested = await knex.transaction(body).then(
          () => ({}),
          (error: unknown) => ({ error }),
        );
        await insert(knex, 1);
        if ('error' in nested) throw nested.error;
      }),
    'in one that was handed out': async (body) => {
      const trx = await knex.transaction();
      try {
        await body(trx);
      } finally {
        await trx.rollback();
      }
    },
    'in an ambient one': (body) => database.transaction(() => body(knex)),
  };

  it.each(Object.keys(own))('ends on the server, %s', async (where) => {
    expect(await rejection(own[where]?.(endless) ?? Promise.resolve())).toMatchObject(timedOut);
    await until('nothing runs', async () => (await running()) === 0);
    expect(await server.products()).toEqual([]);
    expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
  });

  it('leaves its transaction as it was, where it nests in it', async () => {
    await database.transaction(async () => {
      await insert(knex, 1);
      expect(await rejection(knex.transaction(endless))).toMatchObject(timedOut);
      await insert(knex, 2);
    });
    expect(await server.products()).toEqual([1, 2]);
  });

  it('is never sent where it waits for its turn, and cancels nothing of another', async () => {
    const locked = signal();
    const unlock = signal();
    const holder = database.transaction(async () => {
      await database.current.query('select pg_advisory_xact_lock(8)');
      locked.fire();
      await unlock.promise;
    });
    await locked.promise;
    await database.transaction(async () => {
      await insert(knex, 1);
      const other = database.current.query('select pg_advisory_xact_lock(8)');
      const late = await rejection(Promise.resolve(knex('product').insert({ id: 2 }).timeout(50, { cancel: true })));
      expect(late).toMatchObject(timedOut);
      unlock.fire();
      await other;
    });
    await holder;
    expect(await server.products()).toEqual([1]);
  });
});
