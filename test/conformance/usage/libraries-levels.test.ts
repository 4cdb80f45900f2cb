// A level that a library asks for while the first statement of the transaction, with its BEGIN, is under way.
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { Database } from '../../../src/index.ts';
import { engine, useTestDatabase } from '../../support/database.ts';
import { rejection, until } from '../../support/settled.ts';
import { openings as knexOpenings } from './knex.ts';
import { openings as kyselyOpenings } from './kysely.ts';
import { openings as typeOrmOpenings, schema } from './typeorm.ts';

const server = useTestDatabase(...schema);

type Query = (text: string) => Promise<unknown>;
type Use = (query: Query) => Promise<void>;
/** Each runs queries on one connection, in a transaction of its own. */
const libraries: Readonly<Record<string, (database: Database<'default'>, use: Use) => Promise<void>>> = {
  async Knex(database, use) {
    const knex = await knexOpenings.bound(database);
    await knex.transaction((trx) => use(async (text) => await trx.raw(text)));
    await knexOpenings.close(knex);
  },
  async Kysely(database, use) {
    const kysely = await kyselyOpenings.bound(database);
    await kysely.transaction().execute((trx) => use((text) => sql.raw(text).execute(trx)));
    await kyselyOpenings.close(kysely);
  },
  async TypeORM(database, use) {
    const dataSource = await typeOrmOpenings.bound(database);
    await dataSource.transaction((manager) => use((text) => manager.query(text)));
    await typeOrmOpenings.close(dataSource);
  },
};
const onPostgres = engine.name === 'postgres';
// MariaDB and MySQL take it at no time after BEGIN.
const code = onPostgres ? 'INCOMPATIBLE_TRANSACTION' : 'TRANSACTION_CONTROL';
const slow = `select ${onPostgres ? 'pg_sleep' : 'sleep'}(0.5)`;
const running = onPostgres
  ? `select 1 from pg_stat_activity where query = '${slow}' and state = 'active' and datname = current_database()`
  : `select 1 from information_schema.processlist where info = '${slow}' and db = database()`;

it.each(Object.entries(libraries))('%s is not told that it has a level that was asked for too late', async (_, run) => {
  await run(server.open({ max: 4 }), async (query) => {
    const first = query(slow);
    await until('the first statement runs', async () => (await server.sql(running)).length > 0);
    expect(await rejection(query('set transaction isolation level serializable'))).toMatchObject({ code });
    await first;
  });
});
