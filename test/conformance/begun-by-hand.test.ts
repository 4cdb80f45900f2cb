// What libraries begin without a body on PostgreSQL, over the ambient pool.
import { EntitySchema } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/postgresql';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { bindMikroOrm, mikroOrmTypes } from '../../src/integrations/mikro-orm/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { rolledBack } from '../../src/testing/rollback.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';
import { knexByHand, kyselyByHand, Product, type Tables, typeOrmByHand } from './by-hand-libraries.ts';
import { byHandSuite } from './by-hand-suite.ts';

const server = useTestDatabase();

byHandSuite('Kysely', server, (database) =>
  kyselyByHand(
    bindKysely(new Kysely<Tables>({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }), database),
  ),
);
byHandSuite('Knex', server, (database) => knexByHand(createKnex(database)));
byHandSuite('TypeORM', server, (database) => typeOrmByHand(createDataSource(database, { entities: [Product] })));

const MikroProduct = new EntitySchema<{ id: number }>({
  name: 'Product',
  tableName: 'product',
  properties: { id: { type: 'integer', primary: true } },
});

byHandSuite('MikroORM', server, async (database) => {
  const types = mikroOrmTypes(pg.types);
  const orm = bindMikroOrm(
    await MikroORM.init({
      dbName: 'the one of the pool',
      ensureDatabase: false,
      entities: [MikroProduct],
      driverOptions: new PostgresDialect({ pool: ambientPool(database, undefined, { types }) }),
    }),
    database,
  );
  return {
    async begin() {
      const em = orm.em.fork();
      await em.begin();
      return {
        insert: (id) => em.insert(MikroProduct, { id }),
        commit: () => em.commit(),
        rollback: () => em.rollback(),
      };
    },
    close: () => orm.close(),
  };
});

byHandSuite('a client of the ambient pool', server, (database) => {
  const pool = ambientPool(database);
  return {
    async begin() {
      const client = await pool.connect();
      await client.query('BEGIN');
      return {
        insert: (id) => client.query('insert into product (id) values ($1)', [id]),
        commit: () => client.query('COMMIT'),
        rollback: () => client.query('ROLLBACK'),
        release: async () => client.release(),
      };
    },
    close: () => pool.end(),
  };
});

it('keeps a savepoint that was set by hand, as a COMMIT of the server does', async () => {
  const database = server.open({ max: 1 });
  const pool = ambientPool(database);
  await database.transaction(async () => {
    const client = await pool.connect();
    await client.query('SAVEPOINT first');
    await client.query('insert into product (id) values (1)');
    await client.query('SAVEPOINT second');
    await client.query('insert into product (id) values (2)');
  });
  expect(await server.products()).toEqual([1, 2]);
});

it('ends what was begun inside of a savepoint, and savepoints inside of what was begun', async () => {
  const database = server.open({ max: 1 });
  const pool = ambientPool(database);
  for (const texts of [
    ['SAVEPOINT outer', 'BEGIN'],
    ['BEGIN', 'SAVEPOINT inner'],
  ]) {
    const running = database.transaction(async () => {
      const client = await pool.connect();
      for (const text of texts) await client.query(text);
      await client.query('insert into product (id) values (1)');
    });
    expect(await rejection(running)).toMatchObject({ code: 'TRANSACTION_LEFT_OPEN' });
  }
  expect(await server.products()).toEqual([]);
});

it('rolls all back where a savepoint that was set by hand holds a failed statement', async () => {
  const database = server.open({ max: 1 });
  const pool = ambientPool(database);
  const running = database.transaction(async () => {
    await insert(database, 1);
    const client = await pool.connect();
    await client.query('SAVEPOINT first');
    await rejection(client.query('select 1 / 0'));
  });
  expect(await rejection(running)).toMatchObject({ code: 'UNEXPECTED_ROLLBACK', cause: { code: '22012' } });
  expect(await server.products()).toEqual([]);
});

it('says where it was begun', async () => {
  const database = server.open({ max: 1 });
  const pool = ambientPool(database);
  const leaveOpen = async (): Promise<void> => {
    const client = await pool.connect();
    await client.query('BEGIN');
  };
  const error = await rejection(database.transaction(leaveOpen));
  expect(error.message).toMatch(/begun-by-hand\.test\.ts:\d+/);
});

it('ends what waits for its turn too', async () => {
  const database = server.open({ max: 1 });
  const pool = ambientPool(database);
  let waiting: Promise<unknown> | undefined;
  const running = database.transaction(async () => {
    const first = await pool.connect();
    await first.query('BEGIN');
    const second = await pool.connect();
    waiting = second.query('BEGIN');
    waiting.catch(() => {});
  });
  let isSettled = false;
  const settle = (): void => void (isSettled = true);
  running.then(settle, settle);
  await until('the transaction has ended', () => isSettled);
  expect(await rejection(running)).toMatchObject({
    code: 'TRANSACTION_LEFT_OPEN',
    suppressed: [{ code: 'TRANSACTION_LEFT_OPEN' }],
  });
  expect(await server.products()).toEqual([]);
});

describe('a transaction that is left open by', () => {
  const open = (): { database: ReturnType<typeof server.open>; leaveOpen: () => Promise<void> } => {
    const database = server.open({ max: 1 });
    const pool = ambientPool(database);
    const leaveOpen = async (): Promise<void> => {
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query('insert into product (id) values (1)');
    };
    return { database, leaveOpen };
  };
  const named = { code: 'TRANSACTION_LEFT_OPEN' };

  it('a hook before the commit rolls the commit back', async () => {
    const { database, leaveOpen } = open();
    const running = database.transaction(() => database.current.beforeCommit(leaveOpen));
    expect(await rejection(running)).toMatchObject(named);
    expect(await server.products()).toEqual([]);
  });

  it('a compensation of a nested scope is named beside the error of that', async () => {
    const { database, leaveOpen } = open();
    const failed = new Error('sold out');
    const nested = async (): Promise<void> => {
      database.current.compensate(leaveOpen);
      await insert(database, 2);
      throw failed;
    };
    await database.transaction(async () => {
      expect(await rejection(database.transaction(nested, { propagation: 'NESTED' }))).toBe(failed);
    });
    expect(failed).toMatchObject({ suppressed: [named] });
    expect(await server.products()).toEqual([]);
  });

  it("a library's own transaction rolls that back", async () => {
    const { database, leaveOpen } = open();
    const knex = createKnex(database);
    expect(await rejection(knex.transaction(leaveOpen))).toMatchObject(named);
    await knex.destroy();
    expect(await server.products()).toEqual([]);
  });

  it('a test that is rolled back fails the test', async () => {
    const { database, leaveOpen } = open();
    expect(await rejection(rolledBack(database, leaveOpen))).toMatchObject(named);
    expect(await server.products()).toEqual([]);
  });

  it('several scopes is named once', async () => {
    const { database, leaveOpen } = open();
    const error = await rejection(database.transaction(() => database.transaction(leaveOpen)));
    expect(error).toMatchObject(named);
    expect(error['suppressed']).toBeUndefined();
    expect(await server.products()).toEqual([]);
  });
});

it('is ended once: a second COMMIT or ROLLBACK is not its own', async () => {
  const database = server.open({ max: 1 });
  const pool = ambientPool(database);
  await database.transaction(async () => {
    const client = await pool.connect();
    for (const end of ['COMMIT', 'ROLLBACK']) {
      await client.query('BEGIN');
      await client.query(end);
      expect(await rejection(client.query(end))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
    }
    client.release();
    await insert(database, 1);
  });
  expect(await server.products()).toEqual([1]);
});
