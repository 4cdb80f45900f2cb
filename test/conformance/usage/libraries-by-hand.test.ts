// What a library hands out, and what is done with it after its end.
import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2';
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres';
import type { Knex } from 'knex';
import { beforeEach, describe, expect, it } from 'vitest';
import { ambientPool as ambientMysqlPool } from '../../../src/drivers/mysql/index.ts';
import { ambientPool as ambientPgPool } from '../../../src/drivers/postgres/index.ts';
import { type Database, SluiceError } from '../../../src/index.ts';
import { bindDrizzle } from '../../../src/integrations/drizzle/index.ts';
import { createKnex } from '../../../src/integrations/knex/index.ts';
import { engine, useTestDatabase } from '../../support/database.ts';
import { loseConnections } from '../../support/loss.ts';
import { rejection, until } from '../../support/settled.ts';
import { openings as kyselyOpenings } from './kysely.ts';
import { openings as typeOrmOpenings, schema } from './typeorm.ts';

const onMariadb = engine.name === 'mariadb';
const server = useTestDatabase(...schema);
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 2 });
});

const insert = async (handle: Knex, id: number): Promise<unknown> => await handle('product').insert({ id });

describe('commit() of what Knex has handed out', () => {
  let knex: Knex;
  beforeEach(() => {
    knex = createKnex(database);
  });

  const outer: Readonly<Record<string, (body: (begin: () => Promise<Knex.Transaction>) => Promise<void>) => unknown>> =
    {
      'by a handle': (body) => knex.transaction((trx) => body(() => trx.transaction())),
      'by a handle of a savepoint': (body) =>
        knex.transaction((trx) => trx.transaction((inner) => body(() => inner.transaction()))),
      "by a function, as Objection's startTransaction() does": (body) =>
        database.transaction(() =>
          body(
            () =>
              new Promise((resolve, reject) => {
                knex.transaction((trx) => resolve(trx)).catch(reject);
              }),
          ),
        ),
      'in an ambient transaction': (body) => database.transaction(() => body(() => knex.transaction())),
    };

  // A failed statement leaves a transaction of MariaDB as it is.
  it.skipIf(onMariadb).each(Object.entries(outer))('rejects after a failed statement: %s', async (_, run) => {
    await run(async (begin) => {
      const inner = await begin();
      await insert(inner, 1);
      await rejection(insert(inner, 1));
      expect(await rejection(inner.commit())).toMatchObject({ code: 'UNEXPECTED_ROLLBACK' });
      await insert(knex, 2);
    });
    expect(await server.products()).toEqual([2]);
  });

  it('rejects where it was left open, and ends no process where nobody looks further', async () => {
    let leftOpen: Knex.Transaction | undefined;
    const running = database.transaction(async () => {
      leftOpen = await knex.transaction();
      await insert(leftOpen, 1);
    });
    const error = await rejection(running);
    expect(await rejection(Promise.resolve(leftOpen?.commit()))).toBe(error);
    expect(error).toMatchObject({ code: 'TRANSACTION_LEFT_OPEN' });
  });

  it('rejects where the database was closed over it', async () => {
    const open = await knex.transaction();
    await insert(open, 1);
    await database.close({ timeout: 50 });
    expect(SluiceError.find(await rejection(Promise.resolve(open.commit())))).toBeInstanceOf(SluiceError);
    expect(await server.products()).toEqual([]);
  });

  it('rejects for a savepoint of it whose transaction has ended, and resolves for what was committed', async () => {
    const trx = await knex.transaction();
    const inner = await trx.transaction();
    await insert(inner, 1);
    await inner.commit();
    const late = await trx.transaction();
    let deeper: Knex.Transaction | undefined;
    await late.transaction(async (within) => {
      deeper = await within.transaction();
    });
    await late.commit();
    expect((await rejection(Promise.resolve(deeper?.commit()))).message).toContain('already complete');
    await trx.commit();
    await trx.commit();
    expect(await server.products()).toEqual([1]);
  });
});

describe('what is left open is said to have begun in the program', () => {
  const begun = {
    Knex: async () => void (await createKnex(database).transaction()),
    "a provider of Knex's": async () => void (await createKnex(database).transactionProvider()()),
    Kysely: async () => void (await (await kyselyOpenings.bound(database)).startTransaction().execute()),
    TypeORM: async () => (await typeOrmOpenings.bound(database)).createQueryRunner().startTransaction(),
  };

  it.each(Object.entries(begun))('of %s', async (_, begin) => {
    const error = await rejection(database.transaction(begin));
    expect(error).toMatchObject({ code: 'TRANSACTION_LEFT_OPEN' });
    expect(error.message).toMatch(/libraries-by-hand\.test\.ts:\d+/);
    expect(error.message).not.toContain('node_modules');
  });
});

describe('a query of Drizzle that is made in a transaction and awaited after it', () => {
  const run = async (body: (ask: () => PromiseLike<unknown>) => PromiseLike<unknown>): Promise<() => unknown> => {
    let lazy: () => unknown = () => undefined;
    const keep = async (tx: { execute(query: ReturnType<typeof drizzleSql>): PromiseLike<unknown> }): Promise<void> => {
      lazy = () => tx.execute(drizzleSql`select 1`);
      await body(lazy as () => PromiseLike<unknown>);
    };
    if (onMariadb) await bindDrizzle(drizzleMysql(ambientMysqlPool(database)), database).transaction(keep);
    else await bindDrizzle(drizzlePg(ambientPgPool(database)), database).transaction(keep);
    return lazy;
  };
  const around = {
    'by itself': (body: () => Promise<void>) => body(),
    'in an ambient transaction': (body: () => Promise<void>) => database.transaction(body),
  };

  it.each(Object.entries(around))('is told that it has ended: %s', async (_, within) => {
    await within(async () => {
      const lazy = await run((ask) => ask());
      const error = SluiceError.find(await rejection(Promise.resolve(lazy())));
      expect(error).toMatchObject({
        code: 'TRANSACTION_ENDED',
        message: expect.stringContaining('Drizzle') as string,
      });
    });
  });
});

describe('a connection that dies under what was begun on it, outside of an ambient transaction', () => {
  const rolledBack = {
    code: 'CONNECTION_LOST',
    message: expect.stringContaining('begun on it; the server rolls it back') as string,
  };
  const lost = async (running: PromiseLike<unknown>): Promise<unknown> =>
    SluiceError.find(await rejection(Promise.resolve(running)));

  it('is said to have been rolled back: at a statement, and at a commit that was never sent', async () => {
    const knex = createKnex(database);
    for (const end of [
      async (trx: Knex.Transaction) => await insert(trx, 2),
      (trx: Knex.Transaction) => trx.commit(),
    ]) {
      const trx = await knex.transaction();
      await insert(trx, 1);
      await loseConnections(() => server.kill());
      expect(await lost(end(trx))).toMatchObject(rolledBack);
    }
    expect(await server.products()).toEqual([]);
  });

  it('is said to have been rolled back while a statement runs', async () => {
    const runner = (await typeOrmOpenings.bound(database)).createQueryRunner();
    await runner.startTransaction();
    await runner.query('insert into product (id) values (1)');
    const sleeping = onMariadb ? 'select sleep(20)' : 'select pg_sleep(20)';
    const running = lost(runner.query(sleeping));
    await until('it runs', async () => (await server.running(sleeping)) === 1);
    await server.kill();
    expect(await running).toMatchObject(rolledBack);
    await runner.release();
  });

  it.skipIf(onMariadb)('is in doubt while the commit runs', async () => {
    const client = await ambientPgPool(database).connect();
    await client.query('BEGIN');
    await client.query('create temporary table slow (id int)');
    await client.query(`create function pg_temp.slowly() returns trigger language plpgsql as $$
      begin perform pg_sleep(20); return null; end $$`);
    await client.query(`create constraint trigger slowly after insert on slow deferrable initially deferred
      for each row execute function pg_temp.slowly()`);
    await client.query('insert into slow values (1)');
    const running = lost(client.query('COMMIT'));
    await until('it runs', async () => (await server.running('COMMIT')) === 1);
    await server.kill();
    expect(await running).toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringContaining('may have committed') as string,
    });
    // What comes next is told of no rollback.
    expect(await lost(client.query('select 1'))).toMatchObject({
      message: expect.stringContaining('outside of a transaction') as string,
    });
    client.release();
  });

  it('is no transaction where none is open any more', async () => {
    const client: { query(text: string): PromiseLike<unknown>; release(): void } = onMariadb
      ? await ambientMysqlPool(database).promise().getConnection()
      : await ambientPgPool(database).connect();
    await client.query('begin');
    await client.query('rollback');
    await loseConnections(() => server.kill());
    expect(await lost(client.query('select 1'))).toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringContaining('outside of a transaction') as string,
    });
    client.release();
  });
});
