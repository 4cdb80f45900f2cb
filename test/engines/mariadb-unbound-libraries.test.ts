import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/mysql2';
import knexPackage from 'knex';
import { Kysely, MysqlDialect } from 'kysely';
import type { Pool } from 'mysql2';
import { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { ambientPool, mysql } from '../../src/drivers/mysql/index.ts';
import { createDatabase, type Database, UnboundLibraryError } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
const kyselyOn = (pool: Pool): Kysely<object> => new Kysely<object>({ dialect: new MysqlDialect({ pool }) });

interface Unbound {
  readonly begin: (pool: Pool) => Promise<unknown>;
  /** Another handle, which is bound. */
  readonly bind: (database: Database, pool: Pool) => unknown;
}

const unbound: Record<string, Unbound> = {
  Kysely: {
    begin: (pool) =>
      kyselyOn(pool)
        .transaction()
        .execute(() => Promise.resolve()),
    bind: (database, pool) => bindKysely(kyselyOn(pool), database),
  },
  Drizzle: {
    begin: (pool) => drizzle(pool).transaction((tx) => tx.execute(sql`select 1`)),
    bind: (database, pool) => bindDrizzle(drizzle(pool), database),
  },
  Knex: {
    begin: (pool) =>
      knexPackage({ client: 'mysql2', connectionPool: pool as never }).transaction((trx) => trx.raw('select 1')),
    bind: (database) => createKnex(database),
  },
  TypeORM: {
    begin: async (pool) => {
      // The one way to give it a pool: a driver whose pool it is.
      const source = new DataSource({
        type: 'mysql',
        driver: { createPool: () => pool },
        connectorPackage: 'mysql2',
      } as never);
      await source.initialize();
      await source.transaction((manager) => manager.query('select 1'));
    },
    bind: (database) => createDataSource(database, { entities: [] }).initialize(),
  },
};

describe('a library that is not bound, on MariaDB', () => {
  it.each(Object.entries(unbound))('%s is refused with unbound: error', async (name, { begin, bind }) => {
    const database = server.open({}, { unbound: 'error' });
    const pool = ambientPool(database);
    expect(UnboundLibraryError.find(await rejection(begin(pool)))?.message).toContain(name);
    // Another handle of it that is bound does not change that.
    await bind(database, pool);
    expect(UnboundLibraryError.find(await rejection(begin(pool)))?.message).toContain(name);
    const inside = database.transaction(() => begin(pool));
    expect(UnboundLibraryError.find(await rejection(inside))?.message).toContain(name);
  });

  it('those that are bound are not', async () => {
    await using database = createDatabase({ clients: { default: mysql({ uri: server.url }) }, unbound: 'error' });
    const kysely = bindKysely(kyselyOn(ambientPool(database)), database);
    await kysely.transaction().execute(() => Promise.resolve());
    await (await kysely.startTransaction().execute()).commit().execute();
    const knex = createKnex(database);
    await knex.transaction((trx) => trx.raw('select 1'));
    await (await knex.transaction()).commit();
    const migrationSource = {
      getMigrations: async () => ['first'],
      getMigrationName: String,
      getMigration: async () => ({ up: async () => {}, down: async () => {} }),
    };
    await knex.migrate.latest({ migrationSource });
    await kysely.connection().execute((own) => own.transaction().execute(() => Promise.resolve()));
    const source = await createDataSource(database, { entities: [] }).initialize();
    const runner = source.createQueryRunner();
    await runner.startTransaction('SERIALIZABLE');
    await runner.commitTransaction();
    await runner.query('start transaction');
    await runner.query('commit');
    await runner.release();
    await source.destroy();
  });
});
