import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import { createDatabase } from 'sluice';
import { bindDrizzle } from 'sluice/drizzle';
import { ambientPool, postgres } from 'sluice/postgres';

const table = `fresh_${process.pid}`;
const product = pgTable(table, { id: integer().primaryKey() });
const database = createDatabase({
  clients: { default: postgres({ connectionString: process.env.DATABASE_URL, max: 1 }) },
});
const db = bindDrizzle(drizzle(ambientPool(database)), database);

beforeAll(() => database.query(`create table ${table} (id int primary key)`));
afterAll(async () => {
  await database.query(`drop table ${table}`);
  await database.close();
});

it('commits, and rolls back', async () => {
  await database.transaction(() => db.insert(product).values({ id: 1 }));
  const declined = database.transaction(async () => {
    await db.transaction((inner) => inner.insert(product).values({ id: 2 }));
    throw new RangeError('declined');
  });
  await expect(declined).rejects.toThrow(RangeError);
  expect(await db.select().from(product)).toEqual([{ id: 1 }]);
});
