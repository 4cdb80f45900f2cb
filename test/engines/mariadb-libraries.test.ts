// The suite of the libraries on MariaDB, over the ambient pool for mysql2.
import { inspect } from 'node:util';
import { eq, sql as drizzleSql } from 'drizzle-orm';
import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2';
import { int, mysqlTable } from 'drizzle-orm/mysql-core';
import knexPackage, { type Knex } from 'knex';
import { type Generated, Kysely, MysqlDialect, sql, type Transaction } from 'kysely';
import { createConnection, createPool, type Pool } from 'mysql2';
import { DataSource, type EntityManager, EntitySchema } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { ambientPool, mysql } from '../../src/drivers/mysql/index.ts';
import { createDatabase } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { rejection, until } from '../support/settled.ts';
import { type Library, librarySuite, type LibraryTransaction } from '../conformance/library-suite.ts';

const failing = "signal sqlstate '45000'";
const series = (count: number): string => `select cast(seq as int) as n from seq_1_to_${count}`;
const alone = (uri: string): Pool => createPool({ uri, connectionLimit: 2 });
const ended = (pool: Pool) => (): Promise<void> => new Promise((resolve) => pool.end(() => resolve()));

interface Tables {
  product: { id: number; stock: Generated<number> };
}

function kyselyOf(kysely: Kysely<Tables>): Library {
  const insert = (handle: Kysely<Tables>, id: number): Promise<unknown> =>
    handle.insertInto('product').values({ id }).execute();
  const increment = async (handle: Kysely<Tables>, id: number): Promise<unknown> => {
    const { stock } = await handle.selectFrom('product').select('stock').where('id', '=', id).executeTakeFirstOrThrow();
    return await handle
      .updateTable('product')
      .set({ stock: stock + 1 })
      .where('id', '=', id)
      .execute();
  };
  const within = (transaction: Transaction<Tables>): LibraryTransaction => ({
    insert: (id) => insert(transaction, id),
    increment: (id) => increment(transaction, id),
  });
  return {
    insert: (id) => insert(kysely, id),
    increment: (id) => increment(kysely, id),
    ids: async () => (await kysely.selectFrom('product').select('id').orderBy('id').execute()).map(({ id }) => id),
    fail: () => sql.raw(failing).execute(kysely),
    transaction: (body, isolation) => {
      const builder = kysely.transaction();
      const isolated = isolation === undefined ? builder : builder.setIsolationLevel(isolation);
      return isolated.execute((transaction) => body(within(transaction)));
    },
    stream: (count) =>
      kysely
        .selectFrom(sql<{ n: number }>`${sql.raw(`(${series(count)})`)}`.as<'series'>('series'))
        .select('series.n')
        .stream(100),
    close: () => kysely.destroy(),
  };
}
const overPool = (pool: Pool): Kysely<Tables> => new Kysely<Tables>({ dialect: new MysqlDialect({ pool }) });

librarySuite('Kysely', {
  open: (database) => kyselyOf(bindKysely(overPool(ambientPool(database)), database)),
  openUnbound: (database) => kyselyOf(overPool(ambientPool(database))),
  openAlone: (url) => kyselyOf(overPool(alone(url))),
});

const product = mysqlTable('product', { id: int().primaryKey(), stock: int().default(0) });
type Handle = Pick<MySql2Database, 'insert' | 'select' | 'update' | 'execute'> & {
  transaction(body: (transaction: Handle) => Promise<unknown>, config?: object): Promise<unknown>;
};

function drizzleWithin(handle: Handle): LibraryTransaction {
  return {
    insert: async (id) => await handle.insert(product).values({ id }),
    async increment(id) {
      const [row] = await handle.select({ stock: product.stock }).from(product).where(eq(product.id, id));
      await handle
        .update(product)
        .set({ stock: (row?.stock ?? 0) + 1 })
        .where(eq(product.id, id));
    },
    nested: (body) => handle.transaction((inner) => body(drizzleWithin(inner))),
  };
}

function drizzleOf(db: MySql2Database, close: () => Promise<void> = () => Promise.resolve()): Library {
  return {
    insert: (id) => drizzleWithin(db).insert(id),
    increment: (id) => drizzleWithin(db).increment(id),
    ids: async () => (await db.select({ id: product.id }).from(product).orderBy(product.id)).map(({ id }) => id),
    fail: () => db.execute(drizzleSql.raw(failing)),
    transaction: (body, isolation) =>
      (db as Handle).transaction(
        (transaction) => body(drizzleWithin(transaction)),
        isolation === undefined ? undefined : { isolationLevel: isolation },
      ),
    close,
  };
}

librarySuite('Drizzle', {
  open: (database) => drizzleOf(bindDrizzle(drizzle(ambientPool(database)), database)),
  openUnbound: (database) => drizzleOf(drizzle(ambientPool(database))),
  openAlone: (url) => {
    const pool = alone(url);
    return drizzleOf(drizzle(pool), ended(pool));
  },
});

function knexWithin(handle: Knex): LibraryTransaction {
  return {
    insert: async (id) => await handle('product').insert({ id }),
    async increment(id) {
      const { stock } = (await handle('product').where({ id }).first<{ stock: number }>('stock')) ?? { stock: 0 };
      await handle('product')
        .where({ id })
        .update({ stock: stock + 1 });
    },
    nested: (body) => handle.transaction((inner) => body(knexWithin(inner))),
  };
}

function knexOf(handle: Knex): Library {
  return {
    insert: (id) => knexWithin(handle).insert(id),
    increment: (id) => knexWithin(handle).increment(id),
    ids: async () => await handle('product').orderBy('id').pluck('id'),
    fail: async () => await handle.raw(failing),
    transaction: (body, isolation) =>
      handle.transaction(
        (transaction) => body(knexWithin(transaction)),
        isolation === undefined ? {} : { isolationLevel: isolation },
      ),
    stream: (count) => handle.raw(series(count)).stream() as AsyncIterable<{ n: number }>,
    close: () => handle.destroy(),
  };
}

librarySuite('Knex', {
  open: (database) => knexOf(createKnex(database)),
  openUnbound: (database) => knexOf(knexPackage({ client: 'mysql2', connectionPool: ambientPool(database) as never })),
  openAlone: (url) => knexOf(knexPackage({ client: 'mysql2', connection: url })),
});

interface Product {
  id: number;
  stock?: number;
}
const Product = new EntitySchema<Product>({
  name: 'product',
  columns: { id: { type: 'int', primary: true }, stock: { type: 'int', default: 0 } },
});
const levels = { serializable: 'SERIALIZABLE', 'read committed': 'READ COMMITTED' } as const;

async function typeormOf(dataSource: DataSource, save: boolean): Promise<Library> {
  await dataSource.initialize();
  const increment = async (manager: EntityManager, id: number): Promise<unknown> => {
    const stock = (await manager.findOneByOrFail(Product, { id })).stock ?? 0;
    return save
      ? await manager.save(Product, { id, stock: stock + 1 })
      : await manager.update(Product, { id }, { stock: stock + 1 });
  };
  const within = (manager: EntityManager): LibraryTransaction => ({
    // An insert, since saving what is there would update it.
    insert: (id) => manager.insert(Product, { id }),
    increment: (id) => increment(manager, id),
    nested: (body) => manager.transaction((inner) => body(within(inner))),
  });
  return {
    insert: (id) =>
      save ? dataSource.manager.save(Product, { id, stock: id }) : dataSource.manager.insert(Product, { id }),
    increment: (id) => increment(dataSource.manager, id),
    ids: async () => (await dataSource.getRepository(Product).find({ order: { id: 'ASC' } })).map(({ id }) => id),
    fail: () => dataSource.query(failing),
    transaction: (body, isolation) =>
      isolation === undefined
        ? dataSource.transaction((manager) => body(within(manager)))
        : dataSource.transaction(levels[isolation], (manager) => body(within(manager))),
    async *stream(count) {
      const runner = dataSource.createQueryRunner();
      try {
        // A bigint, which TypeORM asks for as a text.
        const rows = (await runner.stream(series(count))) as AsyncIterable<{ n: string }>;
        for await (const { n } of rows) yield { n: Number(n) };
      } finally {
        await runner.release();
      }
    },
    close: () => dataSource.destroy(),
  };
}

librarySuite('TypeORM', {
  open: (database) => typeormOf(createDataSource(database, { entities: [Product] }), false),
  openAlone: (url) => typeormOf(new DataSource({ type: 'mysql', url, entities: [Product] }), false),
});

librarySuite('TypeORM, saving entities,', {
  open: (database) => typeormOf(createDataSource(database, { type: 'mariadb', entities: [Product] }), true),
});

describe('a query runner of TypeORM', () => {
  const server = useTestDatabase();

  it('that is first used by save, or in a transaction, is of use afterwards', async () => {
    const dataSource = createDataSource(server.open({ max: 1 }), { type: 'mariadb', entities: [Product] });
    await dataSource.initialize();
    const runner = dataSource.createQueryRunner();
    try {
      await runner.manager.save(Product, { id: 1, stock: 1 });
      await dataSource.inTransaction(async () => {
        await runner.manager.save(Product, { id: 2, stock: 1 });
        await runner.startTransaction();
        await runner.manager.insert(Product, { id: 3 });
        await runner.rollbackTransaction();
      });
      await rejection(
        dataSource.inTransaction(async () => {
          await runner.manager.save(Product, { id: 4, stock: 1 });
          throw new Error('no');
        }),
      );
      await runner.manager.transaction((manager) => manager.insert(Product, { id: 5 }));
      expect(await runner.manager.count(Product)).toBe(3);
      expect(await server.products()).toEqual([1, 2, 5]);
    } finally {
      await runner.release();
      await dataSource.destroy();
    }
  });
});

describe('a pool for mysql2 whose database is missing', () => {
  const server = useTestDatabase();

  it('tells so as that of mysql2 does, in a transaction and outside', async () => {
    const uri = server.url.replace(/\/\w+$/, '/not_there');
    const database = createDatabase({ clients: { default: mysql({ uri }) } });
    const plain = createPool({ uri });
    const query = (pool: Pool) => (): Promise<Error & Record<string, unknown>> =>
      rejection(pool.promise().query('select 1'));
    const { message } = await query(plain)();
    const pool = ambientPool(database);
    expect(await query(pool)()).toMatchObject({ code: 'ER_BAD_DB_ERROR', message });
    expect(await database.transaction(query(pool))).toMatchObject({ code: 'ER_BAD_DB_ERROR', message });
    expect(await rejection(pool.promise().getConnection())).toMatchObject({ code: 'ER_BAD_DB_ERROR', message });
    expect(await rejection(database.current.query('select 1'))).toMatchObject({ code: 'CONNECT_FAILED' });
    await ended(plain)();
    await database.close();
  });
});

describe('a query of Kysely that is aborted', () => {
  const server = useTestDatabase();
  const running = (): Promise<unknown[]> =>
    server.sql("select 1 from information_schema.processlist where db = database() and info = 'select sleep(600)'");

  it.each(['outside of', 'inside of'])('is cancelled over its control connection, %s a transaction', async (where) => {
    const database = server.open({ max: 1 });
    const dialect = new MysqlDialect({ pool: ambientPool(database), controlConnection: createConnection });
    const kysely = bindKysely(new Kysely<Tables>({ dialect }), database);
    const abort = new AbortController();
    const endless = (): Promise<unknown> =>
      sql`select sleep(600)`.execute(kysely, {
        signal: abort.signal,
        inflightQueryAbortStrategy: 'cancel query',
      });
    const query = where === 'outside of' ? endless() : database.transaction(endless);
    const aborted = rejection(query);
    await until('it runs', async () => (await running()).length === 1);
    abort.abort(new Error('no longer wanted'));
    expect(await aborted).toMatchObject({ message: 'no longer wanted' });
    await until('nothing runs', async () => (await running()).length === 0);
    await kysely.insertInto('product').values({ id: 1 }).execute();
    expect(await server.products()).toEqual([1]);
    await kysely.destroy();
  });

  it('shows nothing of its password', async () => {
    const database = createDatabase({
      clients: { default: mysql({ host: '127.0.0.1', port: 1, password: 'hunter2' }) },
    });
    const pool = ambientPool(database);
    await database.transaction(async () => {
      const connection = await pool.promise().getConnection();
      expect(inspect(connection, { depth: 9 })).not.toContain('hunter2');
      connection.release();
    });
    await database.close();
  });
});

describe('a query of Knex with a timeout that cancels', () => {
  const server = useTestDatabase();

  it.each(['outside of', 'inside of'])('ends on the server, %s a transaction', async (where) => {
    const database = server.open({ max: 2 });
    const knex = createKnex(database);
    const endless = async (): Promise<unknown> => await knex.raw('select sleep(600)').timeout(50, { cancel: true });
    const query = where === 'outside of' ? endless() : database.transaction(endless);
    expect(await rejection(query)).toMatchObject({ name: 'KnexTimeoutError', timeout: 50 });
    await until('nothing runs', async () => {
      const rows = await server.sql(
        "select 1 from information_schema.processlist where db = database() and info = 'select sleep(600)'",
      );
      return rows.length === 0;
    });
    await knex('product').insert({ id: 1 });
    expect(await server.products()).toEqual([1]);
    await knex.destroy();
  });
});

describe('the commit of a transaction of Knex', () => {
  const server = useTestDatabase();

  it('is told when the server has answered, in its function and handed out by it', async () => {
    const database = server.open({ max: 1 });
    const knex = createKnex(database);
    await knex.transaction(async (trx) => {
      await trx('product').insert({ id: 1 });
      await trx.commit();
      expect(await server.products()).toEqual([1]);
    });
    // As Objection's Model.startTransaction() takes it.
    const trx = await new Promise<Knex.Transaction>((resolve, reject) => {
      knex.transaction((inner) => resolve(inner)).catch(reject);
    });
    await trx('product').insert({ id: 2 });
    await trx.commit();
    expect(await server.products()).toEqual([1, 2]);
    expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
    await knex.destroy();
  });
});

describe('a data source of TypeORM', () => {
  const server = useTestDatabase();

  it('gives bigints as text unless it is told otherwise, and JSON as values, as TypeORM does alone', async () => {
    await server.sql('create table noted (id bigint primary key, note json)');
    await server.sql(`insert into noted values (7, '"sold"'), (9007199254740993, '{"count":1}')`);
    const Noted = new EntitySchema({
      name: 'noted',
      columns: { id: { type: 'bigint', primary: true }, note: { type: 'json' } },
    });
    const read = async (dataSource: DataSource): Promise<unknown[]> => {
      await dataSource.initialize();
      const entities = await dataSource.getRepository(Noted).find({ order: { id: 'asc' } });
      const raw: unknown = await dataSource.query('select id from noted order by id');
      await dataSource.destroy();
      return [entities, raw];
    };
    const options = { type: 'mariadb' as const, url: server.url, entities: [Noted] };
    const asText = await read(new DataSource(options));
    expect(asText[1]).toEqual([{ id: '7' }, { id: '9007199254740993' }]);
    expect(await read(createDataSource(options))).toEqual(asText);
    const asNumbers = await read(new DataSource({ ...options, bigNumberStrings: false }));
    expect(asNumbers[1]).toEqual([{ id: 7 }, { id: '9007199254740993' }]);
    expect(await read(createDataSource({ ...options, bigNumberStrings: false }))).toEqual(asNumbers);
    // Others on the client read as ever.
    expect(await read(createDataSource(server.open(), { type: 'mariadb', entities: [Noted] }))).toEqual(asText);
    await server.sql('drop table noted');
  });

  it('keeps no connection where it could not connect, and connects later', async () => {
    const proxy = await startFaultProxy(server.url);
    const database = server.open({ connectionString: proxy.url, max: 1 });
    const dataSource = createDataSource(database, { type: 'mariadb', entities: [Product] });
    proxy.setAfter('SELECT DATABASE()', 'down', { type: 'cut', after: 0 });
    expect(String(await rejection(dataSource.initialize()))).toContain('connection');
    expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
    await dataSource.initialize();
    expect(await dataSource.query('select 1 as one')).toEqual([{ one: 1 }]);
    await dataSource.destroy();
    await database.close();
    await proxy.close();
  });
});
