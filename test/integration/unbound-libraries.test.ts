import { MikroORM } from '@mikro-orm/postgresql';
import { PrismaPg } from '@prisma/adapter-pg';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import knexPackage, { type Knex } from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import type pg from 'pg';
import { PgBoss } from 'pg-boss';
import { DataSource } from 'typeorm';
import { migrate as migrateDrizzle } from 'drizzle-orm/node-postgres/migrator';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { createDatabase, type Database, UnboundLibraryError } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { bindKnex, createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { bindMikroOrm } from '../../src/integrations/mikro-orm/index.ts';
import { bindPrisma } from '../../src/integrations/prisma/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { generatePrismaClient, reviewTable } from '../support/prisma-client.ts';
import { rejection } from '../support/settled.ts';

const folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), '.prisma-'));
const PrismaClient = await generatePrismaClient(folder);
afterAll(() => rmSync(folder, { recursive: true }));

const server = useTestDatabase(reviewTable);
const closing: (() => Promise<unknown>)[] = [];
let warnings: { readonly code: string; readonly message: string }[];
const note = (warning: Error & { code?: string }): void => {
  if (warning.code === 'SLUICE_UNBOUND_LIBRARY') warnings.push({ code: warning.code, message: warning.message });
};

beforeEach(() => {
  warnings = [];
  process.on('warning', note);
});
afterEach(async () => {
  process.off('warning', note);
  for (const close of closing.splice(0).toReversed()) await close();
});

function open(unbound?: 'warn' | 'error' | 'allow'): Database {
  const database = createDatabase({
    clients: { default: postgres({ connectionString: server.url, max: 4 }) },
    unbound,
  });
  // Some libraries keep the connection of a BEGIN that was refused.
  closing.push(() => database.close({ timeout: 1_000 }));
  return database;
}

/** Warnings are emitted in a later tick. */
async function warned(): Promise<readonly string[]> {
  await new Promise((resolve) => setImmediate(resolve));
  return warnings.map(({ message }) => message);
}

const kyselyOn = (pool: pg.Pool): Kysely<object> => new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
const mikroOrmOn = (pool: pg.Pool): Promise<MikroORM> =>
  MikroORM.init({
    dbName: 'test',
    entities: [],
    discovery: { warnWhenNoEntities: false },
    ensureDatabase: false,
    connect: false,
    driverOptions: new PostgresDialect({ pool }),
  } as never);

const knexOn = (pool: pg.Pool): Knex => knexPackage({ client: 'pg', connectionPool: pool as never });

interface Unbound {
  readonly remedy: string;
  /** What users of the library do without its bind: a transaction of its own. */
  readonly begin: (pool: pg.Pool) => Promise<unknown>;
  /** Another handle, which is bound. */
  readonly bind: (database: Database, pool: pg.Pool) => unknown;
}

const unbound: Record<string, Unbound> = {
  Kysely: {
    remedy: 'bindKysely',
    bind: (database, pool) => bindKysely(kyselyOn(pool), database),
    begin: (pool) =>
      kyselyOn(pool)
        .transaction()
        .execute(() => Promise.resolve()),
  },
  Drizzle: {
    remedy: 'bindDrizzle',
    bind: (database, pool) => bindDrizzle(drizzle(pool), database),
    begin: (pool) => drizzle(pool).transaction((tx) => tx.execute(sql`select 1`)),
  },
  Knex: {
    remedy: 'createKnex',
    bind: (database, pool) => bindKnex(knexOn(pool), database),
    begin: (pool) => knexOn(pool).transaction((trx) => trx.raw('select 1')),
  },
  Prisma: {
    remedy: 'bindPrisma',
    bind: (database, pool) => bindPrisma(new PrismaClient({ adapter: new PrismaPg(pool) }), database),
    begin: async (pool) => {
      // What a client of Prisma does for $transaction().
      const adapter = await new PrismaPg(pool).connect();
      const transaction = await adapter.startTransaction();
      await transaction.executeRaw({ sql: 'COMMIT', args: [], argTypes: [] });
      await transaction.commit();
    },
  },
  MikroORM: {
    remedy: 'bindMikroOrm',
    bind: async (database, pool) => bindMikroOrm(await mikroOrmOn(pool), database),
    begin: async (pool) => await (await mikroOrmOn(pool)).em.transactional((em) => em.execute('select 1')),
  },
  TypeORM: {
    remedy: 'createDataSource',
    bind: (database) => createDataSource(database, { entities: [] }).initialize(),
    begin: async (pool) => {
      // The one way to give it a pool: a driver whose pool it is.
      const Pool = function Pool(): pg.Pool {
        return pool;
      };
      const source = new DataSource({
        type: 'postgres',
        driver: { Pool, types: {} },
        installExtensions: false,
      } as never);
      await source.initialize();
      await source.transaction((manager) => manager.query('select 1'));
    },
  },
};

describe.each(Object.entries(unbound))('%s, which is not bound', (name, { begin, bind, remedy }) => {
  it('is named once, with its remedy', async () => {
    const pool = ambientPool(open());
    await begin(pool);
    await begin(pool);
    const messages = await warned();
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(
      `${name} has begun a transaction on the ambient pool of client "default" without being bound`,
    );
    expect(messages[0]).toContain(remedy);
  });

  it('is named within an ambient transaction', async () => {
    const database = open();
    await database.transaction(() => begin(ambientPool(database))).catch(() => undefined);
    expect(await warned()).toHaveLength(1);
  });

  it('is named although another handle of the same library is bound, also on the same pool', async () => {
    const database = open();
    const pool = ambientPool(database);
    await bind(database, pool);
    await begin(pool);
    expect(await warned()).toHaveLength(1);
    const strict = open('error');
    const strictPool = ambientPool(strict);
    await bind(strict, strictPool);
    const error = await rejection(strict.transaction(() => begin(strictPool)));
    expect(UnboundLibraryError.find(error)).toMatchObject({ code: 'UNBOUND_LIBRARY' });
  });

  it('is named in what a bound handle runs', async () => {
    const database = open('error');
    const pool = ambientPool(database);
    const kysely = bindKysely(kyselyOn(pool), database);
    const apart = kysely.connection().execute((own) => own.transaction().execute(() => begin(pool)));
    expect(UnboundLibraryError.find(await rejection(apart))?.message).toContain(name);
  });

  it('is refused with unbound: error, and nothing is sent', async () => {
    const error = await rejection(begin(ambientPool(open('error'))));
    const found = UnboundLibraryError.find(error);
    expect(found).toMatchObject({ code: 'UNBOUND_LIBRARY', clientName: 'default' });
    expect(found?.message).toContain(name);
    expect(found?.remedy).toContain(remedy);
  });

  it('is let be with unbound: allow', async () => {
    await begin(ambientPool(open('allow')));
    expect(await warned()).toEqual([]);
  });
});

describe('nothing is said of', () => {
  it('bound libraries, also where they begin by hand', async () => {
    const database = open('error');
    const pool = ambientPool(database);
    const kysely = bindKysely(kyselyOn(pool), database);
    await kysely.transaction().execute(() => Promise.resolve());
    const trx = await kysely.startTransaction().execute();
    await trx.commit().execute();
    await bindDrizzle(drizzle(pool), database).transaction((tx) => tx.execute(sql`select 1`));
    const knex = createKnex(database);
    await (await knex.transaction()).commit();
    await knex.transaction((transaction) => transaction.raw('select 1'));
    const orm = bindMikroOrm(await mikroOrmOn(pool), database);
    const em = orm.em.fork();
    await em.begin();
    await em.commit();
    const source = createDataSource(database, { entities: [] });
    await source.initialize();
    const runner = source.createQueryRunner();
    await runner.startTransaction();
    await runner.query('select 1');
    await runner.commitTransaction();
    await runner.release();
    await source.transaction((manager) => manager.query('select 1'));
    expect(await warned()).toEqual([]);
  });

  it('what Prisma begins for the rows that it writes together', async () => {
    const database = open('error');
    const prisma = bindPrisma(new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) }), database);
    await prisma.product.create({ data: { id: 1, reviews: { create: [{ id: 1 }, { id: 2 }] } } });
    await prisma.$extends({}).product.create({ data: { id: 2, reviews: { create: [{ id: 3 }] } } });
    expect(await server.products()).toEqual([1, 2]);
    await prisma.$disconnect();
  });

  it('migrations, and connections that are reserved', async () => {
    const database = open('error');
    const pool = ambientPool(database);
    const kysely = bindKysely(kyselyOn(pool), database);
    const provider = { getMigrations: () => Promise.resolve({ first: { up: () => Promise.resolve() } }) };
    const migrator = new Migrator({
      db: kysely,
      provider,
      migrationTableName: 'kysely_ran',
      migrationLockTableName: 'kysely_lock',
    });
    expect((await migrator.migrateToLatest()).error).toBeUndefined();
    await kysely.connection().execute(async (own) => {
      await own.transaction().execute(() => Promise.resolve());
      await (
        await own.withSchema('public').startTransaction().setAccessMode('read only').execute()
      )
        .rollback()
        .execute();
    });
    const knex = bindKnex(knexOn(pool), database);
    const migrationSource = {
      getMigrations: async () => ['first'],
      getMigrationName: String,
      getMigration: async () => ({ up: async () => {}, down: async () => {} }),
    };
    await knex.migrate.latest({ migrationSource, tableName: 'knex_ran' });
    const files = join(folder, 'drizzle');
    mkdirSync(join(files, 'meta'), { recursive: true });
    const entries = [{ idx: 0, version: '7', when: 1, tag: '0000_first', breakpoints: true }];
    writeFileSync(join(files, 'meta/_journal.json'), JSON.stringify({ version: '7', dialect: 'postgresql', entries }));
    writeFileSync(join(files, '0000_first.sql'), 'select 1;');
    await migrateDrizzle(bindDrizzle(drizzle(pool), database), { migrationsFolder: files, migrationsSchema: 'public' });
    expect(await warned()).toEqual([]);
  });

  it('a program that begins by hand', async () => {
    const database = open('error');
    const client = await ambientPool(database).connect();
    for (const text of ['BEGIN', 'select 1', 'COMMIT']) await client.query(text);
    client.release();
    expect(await warned()).toEqual([]);
  });

  it('pg-boss on the ambient pool', async () => {
    const database = open('error');
    const pool = ambientPool(database);
    const boss = new PgBoss({ db: { executeSql: (text, values) => pool.query(text, values) }, schema: 'unbound_boss' });
    closing.push(() => server.sql('drop schema if exists unbound_boss cascade'));
    await boss.start();
    await boss.createQueue('mail');
    await boss.send('mail', { product: 7 });
    await boss.stop({ graceful: false });
    expect(await warned()).toEqual([]);
  });
});
