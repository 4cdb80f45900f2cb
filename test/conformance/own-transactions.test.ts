// What becomes of a transaction that a library opens by itself, where the library rolls it back.
import { MikroORM } from '@mikro-orm/postgresql';
import { PostgresDialect } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import type { Database } from '../../src/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindMikroOrm } from '../../src/integrations/mikro-orm/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, signal } from '../support/settled.ts';

const server = useTestDatabase();
let database: Database<'default'>;

beforeEach(() => {
  database = server.open({ max: 2, acquireTimeout: 60_000 });
});

const isFree = (): Promise<boolean> =>
  server.sql('select id from product for update nowait').then(
    () => true,
    () => false,
  );

describe('a transaction that Knex rolls back in the middle of its function', () => {
  const around = {
    'by itself': (body: () => Promise<unknown>) => body(),
    'in an ambient one': (body: () => Promise<unknown>) => database.transaction(body),
  };
  let knex: ReturnType<typeof createKnex>;
  beforeEach(() => {
    knex = createKnex(database);
  });
  afterEach(() => knex.destroy());

  it.each(Object.entries(around))('%s, is rolled back when that has resolved', async (whose, run) => {
    await insert(database, 1);
    const seen: unknown[] = [];
    const gone = signal();
    await run(async () => {
      const undone = knex.transaction(async (trx) => {
        await trx('product').where({ id: 1 }).update({ stock: 1 });
        await trx.rollback(new Error('sold out')).catch(() => {});
        seen.push(database.stats().clients.default.used, await isFree());
        gone.fire();
      });
      // Knex rejects as soon as it has been asked for the rollback.
      await Promise.allSettled([undone, gone.promise]);
      await insert(database, 2);
    });
    expect(seen).toEqual([whose === 'by itself' ? 0 : 1, true]);
    expect(await server.products()).toEqual([1, 2]);
  });

  it('does not wait for itself where that comes from a scope inside of it', async () => {
    const gone = signal();
    const since = performance.now();
    const outcome = knex.transaction(async (trx) => {
      await trx('product').insert({ id: 1 });
      await database.transaction(async () => {
        await trx.rollback(new Error('sold out')).catch(() => {});
        gone.fire();
      });
    });
    const failed = rejection(Promise.resolve(outcome));
    await gone.promise;
    // After 5 s Knex goes on without an answer.
    expect(performance.now() - since).toBeLessThan(4_500);
    expect(await failed).toMatchObject({ message: 'sold out' });
    expect(await server.products()).toEqual([]);
  });
});

describe('the error of a library whose transaction was rolled back', () => {
  let orm: MikroORM;
  beforeEach(async () => {
    const driverOptions = new PostgresDialect({ pool: ambientPool(database) });
    const discovery = { warnWhenNoEntities: false };
    orm = bindMikroOrm(
      await MikroORM.init({
        dbName: 'the one of the pool',
        ensureDatabase: false,
        entities: [],
        discovery,
        driverOptions,
      }),
      database,
    );
  });
  afterEach(() => orm.close());

  it('keeps those of compensations that failed', async () => {
    const outcome = orm.em.fork().transactional(async () => {
      await insert(database, 1);
      database.current.compensate(() => {
        throw new Error('no letter could be sent');
      });
      throw new Error('sold out');
    });
    expect(await rejection(outcome)).toMatchObject({
      message: 'sold out',
      suppressed: [expect.objectContaining({ message: 'no letter could be sent' })],
    });
  });

  it('stands for the failure that can be repeated, also where others ran after it', async () => {
    let attempts = 0;
    await database.transaction(
      async () => {
        attempts += 1;
        await insert(database, attempts);
        if (attempts === 3) return;
        const fail = orm.em
          .fork()
          .transactional((em) => em.execute(`do $$ begin raise exception 'too late' using errcode = '40001'; end $$`));
        const error = await rejection(fail);
        await insert(database, 10);
        throw error;
      },
      { retry: { attempts: 5, delay: 0 } },
    );
    expect(attempts).toBe(3);
    expect(await server.products()).toEqual([3]);
  });
});
