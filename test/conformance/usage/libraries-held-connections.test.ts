// A connection that a program holds from before: what a library begins there is that connection's own, or is refused. It
// never stands for an ambient transaction, which would be another one.
import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2';
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres';
import { Kysely, MysqlDialect, PostgresDialect, sql } from 'kysely';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ambientPool as ambientMysqlPool } from '../../../src/drivers/mysql/index.ts';
import { ambientPool as ambientPgPool } from '../../../src/drivers/postgres/index.ts';
import { type Database, SluiceError } from '../../../src/index.ts';
import { bindDrizzle } from '../../../src/integrations/drizzle/index.ts';
import { createKnex } from '../../../src/integrations/knex/index.ts';
import { bindKysely } from '../../../src/integrations/kysely/index.ts';
import { engine, useTestDatabase } from '../../support/database.ts';
import { rejection } from '../../support/settled.ts';
import { ids, insert, type Tables } from './kysely.ts';
import { openings as mikroOrm, Product as MikroProduct } from './mikro-orm.ts';
import { openings as typeOrm, Product } from './typeorm.ts';

const onMariadb = engine.name === 'mariadb';
const server = useTestDatabase();
let database: Database<'default'>;

beforeEach(() => {
  database = server.open({ max: 3 });
});

const insertBeside = (id: number): Promise<unknown> =>
  database.current.query(`insert into product (id) values (${id})`);

/** What a refusal says, wherever the library has put it. */
async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error = SluiceError.find(await rejection(promise));
  expect(error).toMatchObject({ code: 'TRANSACTION_CONTROL' });
  return String(error?.message);
}

async function backendOf(handle: Kysely<Tables>): Promise<unknown> {
  const id = sql.raw(onMariadb ? 'connection_id()' : 'pg_backend_pid()');
  return String((await sql<{ id: unknown }>`select ${id} as id`.execute(handle)).rows[0]?.id);
}

const notSent = (library: string): RegExp =>
  new RegExp(`A transaction of ${library} would begin on a connection that was taken before it`);

describe('a connection that Kysely has reserved outside of a transaction', () => {
  let kysely: Kysely<Tables>;
  beforeEach(() => {
    const dialect = onMariadb
      ? new MysqlDialect({ pool: ambientMysqlPool(database) })
      : new PostgresDialect({ pool: ambientPgPool(database) });
    kysely = bindKysely(new Kysely<Tables>({ dialect }), database);
  });
  afterEach(() => kysely.destroy());

  const around = {
    'outside of a transaction': (body: () => Promise<unknown>) => body(),
    'inside of one that began later': (body: () => Promise<unknown>) => database.transaction(body),
  };

  describe.each(Object.entries(around))('%s', (_, run) => {
    it('begins its own, which nobody joins', async () => {
      await kysely.connection().execute(async (own) => {
        const before = await backendOf(own);
        const fail = (): Promise<void> =>
          own
            .transaction()
            .setIsolationLevel('read committed')
            .execute(async (trx) => {
              expect(await backendOf(trx)).toBe(before);
              await insert(trx, 1);
              await database.transaction(() => insertBeside(2), { propagation: 'REQUIRES_NEW' });
              await insert(kysely, 3);
              throw new RangeError('sold out');
            });
        await run(async () => {
          const joins = database.current.inTransaction;
          expect(await rejection(fail())).toBeInstanceOf(RangeError);
          await own.transaction().execute(async (trx) => {
            expect(database.current.inTransaction).toBe(joins);
            await insert(trx, 4);
          });
        });
        await insert(own, 5);
      });
      expect(await server.products()).toEqual([2, 3, 4, 5]);
      expect(database.stats().clients.default.used).toBe(0);
    });

    const asked = {
      'with nothing': (own: Kysely<Tables>) => own.transaction(),
      'with an isolation level': (own: Kysely<Tables>) => own.transaction().setIsolationLevel('serializable'),
      'on a copy': (own: Kysely<Tables>) => own.withoutPlugins().transaction(),
    };
    it.each(Object.entries(asked))('begins none where it is bound, %s, and serves on', async (_name, transaction) => {
      let hasRun = false;
      await kysely.connection().execute(async (own) => {
        const refused = run(() =>
          transaction(bindKysely(own, database)).execute(async (trx) => {
            hasRun = true;
            await insert(trx, 1);
          }),
        );
        expect(await refusalOf(refused)).toMatch(notSent('Kysely'));
        await insert(own, 3);
      });
      expect(hasRun).toBe(false);
      // Behind a BEGIN it would have been rolled back with the connection's release.
      expect(await server.products()).toEqual([3]);
      expect(database.stats().clients.default.used).toBe(0);
    });
  });

  it('begins what is ended by hand, with its savepoints, which nobody joins', async () => {
    await kysely.connection().execute(async (own) => {
      const trx = await own.startTransaction().execute();
      await insert(trx, 1);
      const savepoint = await trx.savepoint('first').execute();
      await insert(savepoint, 2);
      await savepoint.rollbackToSavepoint('first').execute();
      expect(await ids(kysely)).toEqual([]);
      await insertBeside(3);
      await trx.rollback().execute();
      const second = await own.startTransaction().execute();
      await insert(second, 4);
      await second.commit().execute();
    });
    expect(await server.products()).toEqual([3, 4]);
  });

  it('is one that the transaction is on where it is reserved inside of that', async () => {
    const failed = new RangeError('sold out');
    const running = database.transaction(() =>
      kysely.connection().execute(async (own) => {
        await own.transaction().execute(async (trx) => {
          await insert(trx, 1);
          await insertBeside(2);
          expect(await ids(trx)).toEqual([1, 2]);
        });
        await sql`select 1`.execute(own);
        throw failed;
      }),
    );
    expect(await rejection(running)).toBe(failed);
    expect(await server.products()).toEqual([]);
  });
});

describe('a connection that a pool has lent to Drizzle', () => {
  interface Drizzle {
    transaction(body: (tx: Executes) => Promise<void>, config?: object): Promise<unknown>;
    execute: Executes['execute'];
  }
  interface Executes {
    execute(query: unknown): Promise<unknown>;
  }

  async function onLent(body: (drizzle: Drizzle) => Promise<void>): Promise<void> {
    if (onMariadb) {
      const connection = await ambientMysqlPool(database).promise().getConnection();
      await body(bindDrizzle(drizzleMysql(connection) as unknown as never, database)).finally(() =>
        connection.release(),
      );
      return;
    }
    const client = await ambientPgPool(database).connect();
    await body(bindDrizzle(drizzlePg(client) as unknown as never, database)).finally(() => client.release());
  }
  const insertOn = (drizzle: Executes, id: number): Promise<unknown> =>
    drizzle.execute(drizzleSql.raw(`insert into product (id) values (${id})`));

  it.each([undefined, { isolationLevel: 'serializable' }])(
    'begins none outside of a transaction, %j',
    async (config) => {
      await onLent(async (drizzle) => {
        const running = drizzle.transaction(async (tx) => {
          await insertOn(tx, 1);
          await insertBeside(2);
        }, config);
        expect(await refusalOf(running)).toMatch(notSent('Drizzle'));
        await insertOn(drizzle, 3);
      });
      expect(await server.products()).toEqual([3]);
    },
  );

  it('is that of the transaction inside of which it was lent', async () => {
    const failed = new RangeError('sold out');
    const running = database.transaction(() =>
      onLent(async (drizzle) => {
        await drizzle.transaction(async (tx) => {
          await insertOn(tx, 1);
          await insertBeside(2);
        });
        throw failed;
      }),
    );
    expect(await rejection(running)).toBe(failed);
    expect(await server.products()).toEqual([]);
  });
});

describe('a runner of TypeORM that was connected outside of a transaction', () => {
  let dataSource: DataSource;
  beforeEach(async () => {
    dataSource = await typeOrm.bound(database);
  });
  afterEach(() => dataSource.destroy());

  it('begins none with a function, and serves on', async () => {
    const runner = dataSource.createQueryRunner();
    await runner.connect();
    const running = runner.manager.transaction(async (manager) => {
      await manager.insert(Product, { id: 1 });
      await insertBeside(2);
    });
    expect(await refusalOf(running)).toMatch(notSent('TypeORM'));
    expect(runner.isTransactionActive).toBe(false);
    await runner.manager.insert(Product, { id: 3 });
    await runner.startTransaction();
    await runner.manager.insert(Product, { id: 4 });
    await runner.commitTransaction();
    await runner.release();
    expect(await server.products()).toEqual([3, 4]);
  });

  it('saves in one transaction, on its own connection', async () => {
    const runner = dataSource.createQueryRunner();
    await runner.connect();
    const seen: unknown[] = [];
    dataSource.subscribers.push({
      beforeInsert: ({ queryRunner }) =>
        void seen.push([queryRunner === runner, queryRunner.isTransactionActive, database.current.inTransaction]),
    });
    await runner.manager.save(Product, { id: 1 });
    await insertBeside(3);
    await rejection(runner.manager.save(Product, [{ id: 2 }, { id: 3, stock: 'many' as never }]));
    await runner.release();
    expect(seen).toEqual([
      [true, true, false],
      [true, true, false],
    ]);
    expect(await server.products()).toEqual([1, 3]);
  });

  it('has savepoints with functions in what was begun by hand, and all of it ends with that', async () => {
    const runner = dataSource.createQueryRunner();
    await runner.connect();
    await runner.startTransaction();
    await runner.manager.save(Product, { id: 1 });
    await runner.manager.transaction(async (manager) => {
      expect(database.current.inTransaction).toBe(false);
      await manager.save(Product, { id: 2 });
    });
    await rejection(
      runner.manager.transaction(async (manager) => {
        await manager.save(Product, { id: 3 });
        throw new RangeError('sold out');
      }),
    );
    const within = await runner.manager.find(Product, { order: { id: 'ASC' } });
    expect(within.map(({ id }) => id)).toEqual([1, 2]);
    await runner.rollbackTransaction();
    await runner.release();
    expect(await server.products()).toEqual([]);
  });
});

describe('what is ended by hand, begun outside of a transaction', () => {
  it('has savepoints of Knex with functions on its connection, and all of it ends with that', async () => {
    const knex = createKnex(database);
    const trx = await knex.transaction();
    await trx('product').insert({ id: 1 });
    await trx.transaction(async (inner) => {
      expect(database.current.inTransaction).toBe(false);
      await inner('product').insert({ id: 2 });
    });
    expect(await trx('product').select('id').orderBy('id')).toEqual([{ id: 1 }, { id: 2 }]);
    await trx.rollback();
    await knex.destroy();
    expect(await server.products()).toEqual([]);
  });

  it.skipIf(onMariadb)('has savepoints of MikroORM with functions on its connection, two deep', async () => {
    const orm = await mikroOrm.bound(database);
    const em = orm.em.fork();
    await em.begin();
    await em.insert(MikroProduct, { id: 1, stock: 0 });
    await em.transactional(async (inner) => {
      expect(database.current.inTransaction).toBe(false);
      await inner.insert(MikroProduct, { id: 2, stock: 0 });
      await inner.transactional((innermost) => innermost.insert(MikroProduct, { id: 3, stock: 0 }));
      await rejection(inner.transactional((innermost) => innermost.insert(MikroProduct, { id: 3, stock: 0 })));
    });
    expect(await em.count(MikroProduct)).toBe(3);
    await em.rollback();
    await orm.close();
    expect(await server.products()).toEqual([]);
  });
});
