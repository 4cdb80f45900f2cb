import { EntitySchema, IsolationLevel } from '@mikro-orm/core';
import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { PostgresDialect } from 'kysely';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import type { Database } from '../../src/index.ts';
import { bindMikroOrm, mikroOrmTypes } from '../../src/integrations/mikro-orm/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';
import { type Library, librarySuite, type LibraryTransaction } from './library-suite.ts';

interface Product {
  id: number;
  stock: number;
}
const Product = new EntitySchema<Product>({
  name: 'Product',
  tableName: 'product',
  properties: { id: { type: 'integer', primary: true }, stock: { type: 'integer', default: 0 } },
});
interface Event {
  id: number;
  at: Date;
}
const Event = new EntitySchema<Event>({
  name: 'Event',
  tableName: 'event',
  properties: { id: { type: 'integer', primary: true }, at: { type: 'datetime' } },
});

const levels = { serializable: IsolationLevel.SERIALIZABLE, 'read committed': IsolationLevel.READ_COMMITTED } as const;

async function init(pool: pg.Pool): Promise<MikroORM> {
  return await MikroORM.init({
    dbName: 'the one of the pool',
    ensureDatabase: false,
    entities: [Product, Event],
    driverOptions: new PostgresDialect({ pool }),
  });
}

function over(database: Database<'default'>): pg.Pool {
  return ambientPool(database, undefined, { types: mikroOrmTypes(pg.types) });
}

function libraryOf(orm: MikroORM): Library {
  // By the unit of work, whose flush opens a transaction.
  const insert = async (em: EntityManager, id: number): Promise<void> => {
    em.create(Product, { id, stock: 0 });
    await em.flush();
  };
  const increment = async (em: EntityManager, id: number): Promise<void> => {
    const product = await em.findOneOrFail(Product, id);
    product.stock += 1;
    await em.flush();
  };
  const within = (em: EntityManager): LibraryTransaction => ({
    insert: (id) => insert(em, id),
    increment: (id) => increment(em, id),
    nested: (body) => em.transactional((inner) => body(within(inner))),
  });
  return {
    insert: (id) => insert(orm.em.fork(), id),
    increment: (id) => increment(orm.em.fork(), id),
    ids: async () => (await orm.em.fork().find(Product, {}, { orderBy: { id: 'asc' } })).map(({ id }) => id),
    fail: () => orm.em.fork().getConnection().execute('select 1 / 0'),
    transaction: (body, isolation) =>
      orm.em
        .fork()
        .transactional(
          (em) => body(within(em as EntityManager)),
          isolation === undefined ? {} : { isolationLevel: levels[isolation] },
        ),
    close: () => orm.close(),
  };
}

librarySuite('MikroORM', {
  open: async (database) => libraryOf(bindMikroOrm(await init(over(database)), database)),
  openUnbound: async (database) => libraryOf(await init(over(database))),
  openAlone: async (url) => libraryOf(await init(new pg.Pool({ connectionString: url, max: 2 }))),
});

describe('MikroORM', () => {
  const server = useTestDatabase('create table event (id int primary key, at timestamptz not null)');
  const opened: MikroORM[] = [];
  afterAll(async () => {
    for (const orm of opened) await orm.close();
  });

  it('reads dates as it does from its own pool', async () => {
    const database = server.open();
    const orm = bindMikroOrm(await init(over(database)), database);
    opened.push(orm);
    const at = new Date('2026-01-02T03:04:05.678Z');
    await database.transaction(async () => {
      const em = orm.em.fork();
      em.create(Event, { id: 1, at });
      await em.flush();
      expect(await orm.em.fork().findOneOrFail(Event, 1)).toMatchObject({ id: 1, at });
    });
  });

  it('tells of a commit when the server has answered, and outside of the transaction', async () => {
    const database = server.open({ max: 1 });
    const orm = bindMikroOrm(await init(over(database)), database);
    opened.push(orm);
    const seen: unknown[] = [];
    orm.em.getEventManager().registerSubscriber({
      async afterTransactionCommit() {
        seen.push(await server.products(), database.current.inTransaction);
        seen.push((await orm.em.fork().find(Product, {})).map(({ id }) => id));
      },
    });
    await orm.em.fork().transactional((em) => {
      em.create(Product, { id: 1, stock: 0 });
    });
    expect(seen).toEqual([[1], false, [1]]);
  });

  it('is refused where it has no transactions', async () => {
    const database = server.open();
    const orm = { em: { getConnection: () => ({}) } } as never;
    await rejection(Promise.resolve().then(() => bindMikroOrm(orm, database)));
    expect(() => bindMikroOrm(orm, database)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});
