import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import { createDatabase } from 'sluice';
import { bindDrizzle } from 'sluice/drizzle';
import { ambientPool, postgres } from 'sluice/postgres';
import { type TestDatabase, testDatabases } from 'sluice/testing';

const product = pgTable('product', { id: integer().primaryKey() });
const schema = 'create table product (id int primary key)';
const openAt = (name: string) => {
  const url = new URL(process.env.DATABASE_URL ?? '');
  if (name !== '') url.pathname = name;
  return createDatabase({ clients: { default: postgres({ connectionString: url.href, max: 1 }) } });
};
let shop: TestDatabase;
let database: ReturnType<typeof openAt>;

beforeAll(async () => {
  const server = openAt('');
  const template = async (name: string) => {
    const empty = openAt(name);
    await empty.query(schema);
    await empty.close();
  };
  shop = await testDatabases(server, { name: `jest_${process.pid}`, madeFrom: [schema], template });
  await server.close();
  database = openAt(shop.name);
}, 60_000);
afterAll(async () => {
  await database.close();
  await shop.close();
  const server = openAt('');
  await server.query(`drop database ${shop.name.replace(/\d+$/, 'template')}`);
  await server.close();
});

it('has the database of its worker', () => {
  expect(shop.worker).toBe(Number(process.env.JEST_WORKER_ID));
});

it('commits, and rolls back', async () => {
  const db = bindDrizzle(drizzle(ambientPool(database)), database);
  await database.transaction(() => db.insert(product).values({ id: 1 }));
  const declined = database.transaction(async () => {
    await db.transaction((inner) => inner.insert(product).values({ id: 2 }));
    throw new RangeError('declined');
  });
  await expect(declined).rejects.toThrow(RangeError);
  expect(await db.select().from(product)).toEqual([{ id: 1 }]);
});
