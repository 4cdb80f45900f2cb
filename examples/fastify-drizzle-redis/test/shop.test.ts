import type { FastifyInstance } from 'fastify';
import { createContextCarrier, type Database, withContext } from 'sluice';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openDatabase, openRedis, secret } from '../src/settings.ts';
import { shopService } from '../src/shop.ts';
import { stockService } from '../src/stock.ts';
import { setUp } from '../src/tables.ts';

// One connection for each service: nothing here may need two.
const databases = { stock: openDatabase('stock', 1), shop: openDatabase('shop', 1) };
// They look from outside, and hold up what is to be held up.
const outside = { stock: openDatabase('stock', 2), shop: openDatabase('shop', 2) };
const redis = openRedis();
const services: FastifyInstance[] = [];
const urls = { stock: '', shop: '' };

beforeAll(async () => {
  await setUp(outside.stock, 'stock');
  await setUp(outside.shop, 'shop');
  const stock = await stockService(databases.stock, { redis, secret });
  urls.stock = await stock.listen({ port: 0, host: '127.0.0.1' });
  const shop = await shopService(databases.shop, { stockUrl: urls.stock, secret });
  urls.shop = await shop.listen({ port: 0, host: '127.0.0.1' });
  services.push(shop, stock);
});
let lastItem = Date.now() % 1_000_000_000;
let itemId = 0;
beforeEach(async () => {
  // A new one for each test: the cache is shared with whoever uses the same Redis.
  itemId = lastItem += 1;
  await outside.stock.query('truncate item');
  await outside.shop.query('truncate "order", customer');
  await outside.stock.query('insert into item values ($1, 5)', [itemId]);
  await outside.shop.query('insert into customer values (1)');
});
afterAll(async () => {
  for (const service of services) await service.close();
  for (const [service, database] of Object.entries(outside)) {
    await database.query(`drop schema example_${service} cascade`);
    await database.close();
  }
  redis.disconnect();
});

const sent = (body: object, headers: Headers = new Headers()): RequestInit => {
  headers.set('content-type', 'application/json');
  return { method: 'POST', headers, body: JSON.stringify(body) };
};
const order = async (quantity: number, customerId = 1): Promise<Response> =>
  await fetch(`${urls.shop}/orders`, sent({ customerId, itemId, quantity }));
const shown = async (): Promise<unknown> => await (await fetch(`${urls.stock}/items/${itemId}`)).json();
const count = async (database: Database, table: string): Promise<number> =>
  Number((await database.query<{ n: string }>(`select count(*) as n from ${table}`)).rows[0]?.n);

it('reserves in the other service and stores the order, and the cache shows it at once', async () => {
  expect(await shown()).toEqual({ id: itemId, available: 5 });
  expect((await order(2)).status).toBe(201);
  expect(await shown()).toEqual({ id: itemId, available: 3 });
  expect(await count(outside.shop, '"order"')).toBe(1);
});

it('stores no order of what is sold out', async () => {
  const refused = await order(6);
  expect([refused.status, await refused.json()]).toEqual([409, { error: 'sold out' }]);
  expect(await shown()).toEqual({ id: itemId, available: 5 });
  expect(await count(outside.shop, '"order"')).toBe(0);
});

it('gives the reservation back when the order cannot be committed', async () => {
  const failed = await order(2, 99);
  expect(failed.status).toBe(500);
  expect(await count(outside.shop, '"order"')).toBe(0);
  await expect.poll(shown, { timeout: 5_000 }).toEqual({ id: itemId, available: 5 });
});

it('is in time or leaves nothing: the deadline of the caller holds in both services', async () => {
  const { injectContext } = createContextCarrier(outside.shop, { secret });
  const [locked, asked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holding = outside.stock.transaction(async () => {
    await outside.stock.query('select * from item where id = $1 for update', [itemId]);
    locked.resolve();
    await asked.promise;
  });
  await locked.promise;
  const late = await withContext({ timeout: 500 }, async () =>
    fetch(`${urls.shop}/orders`, sent({ customerId: 1, itemId, quantity: 1 }, injectContext(new Headers()))),
  );
  asked.resolve();
  await holding;
  expect(late.status).toBe(504);
  expect(await count(outside.shop, '"order"')).toBe(0);
  expect(await shown()).toEqual({ id: itemId, available: 5 });
});

it('refuses a context that it has not signed', async () => {
  const { injectContext } = createContextCarrier(outside.shop, { secret: 'another secret altogether' });
  const forged = withContext({ tenant: 'somebody else' }, () => injectContext(new Headers()));
  const answer = await fetch(`${urls.shop}/orders`, sent({ customerId: 1, itemId, quantity: 1 }, forged));
  expect(answer.status).toBe(401);
  expect(await count(outside.shop, '"order"')).toBe(0);
});

it(
  'takes 100 orders at once with one connection for each service, and sells no more than there is',
  { timeout: 60_000 },
  async () => {
    await outside.stock.query('update item set available = 60 where id = $1', [itemId]);
    const answers = await Promise.all(Array.from({ length: 100 }, () => order(1)));
    const statuses = answers.map(({ status }) => status).toSorted((one, other) => one - other);
    expect(statuses).toEqual([...Array.from({ length: 60 }, () => 201), ...Array.from({ length: 40 }, () => 409)]);
    expect(await count(outside.shop, '"order"')).toBe(60);
    expect(await shown()).toEqual({ id: itemId, available: 0 });
  },
);
