import { Kysely, PostgresDialect } from 'kysely';
import { createDatabase } from 'sluice';
import { bindKysely } from 'sluice/kysely';
import { ambientPool, postgres } from 'sluice/postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';

const table = `fresh_${process.pid}`;
const database = createDatabase({
  clients: { default: postgres({ connectionString: process.env.DATABASE_URL, max: 1 }) },
});
const dialect = new PostgresDialect({ pool: ambientPool(database) });
const kysely = bindKysely(new Kysely<Record<string, { id: number }>>({ dialect }), database);

beforeAll(() => database.query(`create table ${table} (id int primary key)`));
afterAll(async () => {
  await database.query(`drop table ${table}`);
  await database.close();
});

it('commits, and rolls back', async () => {
  await database.transaction(() => kysely.insertInto(table).values({ id: 1 }).execute());
  const declined = database.transaction(async () => {
    await kysely.transaction().execute((trx) => trx.insertInto(table).values({ id: 2 }).execute());
    throw new RangeError('declined');
  });
  await expect(declined).rejects.toThrow(RangeError);
  expect(await kysely.selectFrom(table).selectAll().execute()).toEqual([{ id: 1 }]);
});
