// What libraries are told where no connection could be opened: what the driver's own pool tells them, whose code they look at.
import knexPackage from 'knex';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();

/** Ways to the pool; each gives the error of its first statement. */
const ways: Record<string, (pool: pg.Pool) => Promise<Error & Record<string, unknown>>> = {
  'pool.query': (pool) => rejection(pool.query('select 1')),
  'a client': (pool) => rejection(pool.connect().then((client) => client.query('select 1'))),
  'a callback': (pool) => rejection(new Promise((_, reject) => pool.query('select 1', (error) => reject(error)))),
  Kysely: (pool) => rejection(sql`select 1`.execute(new Kysely({ dialect: new PostgresDialect({ pool }) }))),
};

describe.each(['3D000', 'ECONNREFUSED'])('a pool whose connections are refused with %s', (code) => {
  let database: Database<'default'>;
  let plain: pg.Pool;
  beforeEach(() => {
    const url = new URL(server.url);
    if (code === '3D000') url.pathname = '/not_there';
    else url.port = '1';
    database = createDatabase({ clients: { default: postgres({ connectionString: url.href }) } });
    plain = new pg.Pool({ connectionString: url.href });
  });
  afterEach(async () => {
    await plain.end();
    await database.close();
  });

  it.each(Object.keys(ways))('tells so as the pool of pg does: %s, in a transaction and outside', async (name) => {
    const way = ways[name] as (typeof ways)[string];
    const { message } = await way(plain);
    const pool = ambientPool(database);
    expect(await way(pool)).toMatchObject({ code, message });
    expect(await database.transaction(() => way(pool))).toMatchObject({ code, message });
  });

  it('tells so through Knex', async () => {
    const knex = createKnex(database, { log: { error() {} } });
    const alone = knexPackage.knex({ client: 'pg', connectionPool: plain, log: { error() {} } });
    const { message } = await rejection(alone.raw('select 1').then(() => {}));
    expect(await rejection(knex.raw('select 1').then(() => {}))).toMatchObject({ code, message });
    await knex.destroy();
    await alone.destroy();
  });

  it('is told in the words of Sluice by what is its own', async () => {
    const told = { code: 'CONNECT_FAILED', cause: { code } };
    expect(await rejection(database.current.query('select 1'))).toMatchObject(told);
    expect(await rejection(createDataSource(database).initialize())).toMatchObject(told);
  });
});
