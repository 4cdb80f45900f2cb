// What an engine brings in its driver, for the outbox, models and libraries: an engine from outside as one of our own.
import { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ClientDefinition, Driver } from '../../../src/driver/index.ts';
import { sqlite } from '../../../src/drivers/sqlite/index.ts';
import { sqliteDialect } from '../../../src/drivers/sqlite/dialect/index.ts';
import { createDatabase, type Database, sql } from '../../../src/index.ts';
import { createKnex } from '../../../src/integrations/knex/index.ts';
import { createDataSource } from '../../../src/integrations/typeorm/index.ts';
import { createModel, defineModel } from '../../../src/model/index.ts';
import {
  addToOutbox,
  createOutboxTables,
  createRelay,
  parkedMessages,
  recordInInbox,
  registerOutboxDialect,
} from '../../../src/outbox/index.ts';
import { useTestDatabase } from '../../support/database.ts';
import { rejection } from '../../support/settled.ts';

const server = useTestDatabase();

/** A database on an engine of another name, which brings what it is given. */
function databaseOn({ driver, pool }: ClientDefinition, brought: Partial<Driver>): Database<'default'> {
  const database = createDatabase({
    clients: {
      default: {
        driver: {
          ...driver,
          dialect: 'toy',
          outbox: undefined,
          models: undefined,
          libraryNames: undefined,
          ...brought,
        },
        pool,
      },
    },
  });
  onTestFinished(() => database.close());
  return database;
}

const toy = (brought: Partial<Driver>): Database<'default'> => databaseOn(sqlite(), brought);
const onPostgres = (brought: Partial<Driver>): Database<'default'> => databaseOn(server.client({}), brought);

async function delivered(database: Database<'default'>): Promise<readonly string[]> {
  const db = database.current;
  await createOutboxTables(db);
  await database.transaction(async () => {
    await addToOutbox(db, [{ channel: 'mail', id: 'first', queue: 'orders', payload: 1 }]);
    await recordInInbox(db, 'invoices', 'first', 'null');
  });
  const ids: string[] = [];
  const relay = createRelay(database, {
    channel: 'mail',
    deliver: (messages) => Promise.resolve(void ids.push(...messages.map(({ id }) => id))),
  });
  await relay.drain();
  await relay.stop();
  expect(await parkedMessages(db, 'mail')).toEqual([]);
  return ids;
}

describe('an outbox', () => {
  it('is that of the driver', async () => {
    expect(await delivered(toy({ outbox: sqliteDialect.outbox }))).toEqual(['first']);
  });

  it('is the registered one where the driver brings none', async () => {
    const database = toy({ dialect: 'registered' });
    expect(await rejection(createOutboxTables(database.current))).toMatchObject({ code: 'INVALID_OPTION' });
    if (sqliteDialect.outbox !== undefined) registerOutboxDialect('registered', sqliteDialect.outbox);
    expect(await delivered(database)).toEqual(['first']);
  });

  it('is refused where it is none', async () => {
    const database = toy({ outbox: { ...sqliteDialect.outbox, claim: undefined } as never });
    const error = await rejection(createOutboxTables(database.current));
    expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('"default"') as string });
  });
});

describe('models', () => {
  interface ProductRow {
    id: number;
    name: string;
  }
  const definition = defineModel<ProductRow>({ table: 'product', key: 'id' });
  const rows = [{ name: 'chair' }, { name: 'table' }];

  async function inserted(database: Database<'default'>): Promise<readonly ProductRow[]> {
    await database.query(sql`create table product (id integer primary key autoincrement, name text)`);
    const product = createModel(database, definition);
    const first = await product.insert({ name: 'desk' });
    return [first, ...(await product.insertBulk(rows))];
  }
  const expected = [
    { id: 1, name: 'desk' },
    { id: 2, name: 'chair' },
    { id: 3, name: 'table' },
  ];

  it('write the SQL that the driver names', async () => {
    expect(await inserted(toy({ models: { sql: 'sqlite', returning: true } }))).toEqual(expected);
  });

  it('write with parts of Kysely that the driver brings, without RETURNING where it has none', async () => {
    class WithoutReturning extends SqliteQueryCompiler {
      protected override visitReturning(): never {
        throw new Error('the engine has no RETURNING');
      }
    }
    const parts = {
      createAdapter: () => new SqliteAdapter(),
      createQueryCompiler: () => new WithoutReturning(),
      createIntrospector: (kysely: never) => new SqliteIntrospector(kysely),
    };
    expect(await inserted(toy({ models: { sql: parts, returning: false } }))).toEqual(expected);
  });

  it.each([
    ['none', undefined],
    ['those of an engine that Kysely has not', { sql: 'toy', returning: true }],
  ])('are refused for a driver that brings %s', async (_what, models) => {
    const product = createModel(toy({ models: models as never }), definition);
    const error = await rejection(product.insert({ name: 'desk' }));
    expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('engine toy') as string });
  });
});

describe('libraries', () => {
  it('Knex calls the engine as the driver says', async () => {
    const knex = createKnex(onPostgres({ libraryNames: { knex: 'pg' } }));
    onTestFinished(() => knex.destroy());
    expect(await knex.select(knex.raw('1 as one'))).toEqual([{ one: 1 }]);
  });

  it('TypeORM calls the engine as the driver says', async () => {
    const dataSource = createDataSource(onPostgres({ libraryNames: { typeorm: ['postgres'] } }), { entities: [] });
    await dataSource.initialize();
    onTestFinished(() => dataSource.destroy());
    expect(await dataSource.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('refuse an engine that has no name there', () => {
    const refused = { code: 'INVALID_OPTION', message: expect.stringContaining('toy') as string };
    const database = onPostgres({ libraryNames: { knex: undefined, typeorm: ['sqlite'] } });
    expect(() => createKnex(database)).toThrow(expect.objectContaining(refused));
    expect(() => createDataSource(database)).toThrow(expect.objectContaining(refused));
  });
});
