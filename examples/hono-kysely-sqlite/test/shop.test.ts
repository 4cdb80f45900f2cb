import { DatabaseSync } from 'node:sqlite';
import { rollbackEach, testHeaders } from 'sluice/testing';
import { afterAll, expect, it as plainIt } from 'vitest';
import { createApp } from '../src/app.ts';
import { relayReceipts } from '../src/receipts.ts';
import { openFreshShop, sent, startMailService } from './support.ts';

const { shop, file, close } = await openFreshShop();
const mail = await startMailService();
const app = createApp(shop);
afterAll(async () => {
  mail.close();
  await close();
});

/** A test that is rolled back, with what the server writes for its requests. */
const it = rollbackEach(shop.database, plainIt);

const stockUp = async (stock: number): Promise<void> => {
  await shop.kysely.insertInto('product').values({ id: 'pen', price: 3, stock }).execute();
};
const order = async (quantity: number): Promise<Response> =>
  await app.request('/orders', sent(quantity, testHeaders()));
const shown = async (): Promise<unknown> =>
  await (await app.request('/products/pen', { headers: testHeaders() })).json();
const count = async (table: 'order' | 'product' | 'sluice_outbox'): Promise<number> =>
  Number((await shop.database.query<{ n: number }>(`select count(*) as n from "${table}"`)).rows[0]?.n);

it('an order takes from the stock and leaves a receipt, and the page shows it at once', async () => {
  await stockUp(5);
  expect(await shown()).toEqual({ id: 'pen', price: 3, stock: 5 });
  const answer = await order(2);
  const placed = (await answer.json()) as { id: number };
  expect([answer.status, placed]).toMatchObject([201, { product_id: 'pen', quantity: 2, amount: 6 }]);
  expect(await shown()).toEqual({ id: 'pen', price: 3, stock: 3 });
  expect(await (await app.request(`/orders/${placed.id}`, { headers: testHeaders() })).json()).toEqual(placed);
  expect(await count('sluice_outbox')).toBe(1);
});

it('nothing of what a test orders stays', async () => {
  expect([await count('product'), await count('order'), await count('sluice_outbox')]).toEqual([0, 0, 0]);
});

it('what is sold out leaves neither order nor receipt', async () => {
  await stockUp(1);
  const refused = await order(2);
  expect([refused.status, await refused.text()]).toEqual([409, 'sold out']);
  expect([await count('order'), await count('sluice_outbox')]).toEqual([0, 0]);
  expect(await shown()).toMatchObject({ stock: 1 });
});

it('what is not there or not valid is refused', async () => {
  expect((await order(1)).status).toBe(404);
  expect((await order(0)).status).toBe(400);
  const broken = { ...sent(1, testHeaders()), body: '{' };
  expect((await app.request('/orders', broken)).status).toBe(400);
  expect((await app.request('/orders/7', { headers: testHeaders() })).status).toBe(404);
});

it('100 orders at once sell no more than there is', async () => {
  await stockUp(60);
  const answers = await Promise.all(Array.from({ length: 100 }, () => order(1)));
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(60);
  expect(statuses.filter((status) => status === 409)).toHaveLength(40);
  expect(await shown()).toMatchObject({ stock: 0 });
  expect(await count('sluice_outbox')).toBe(60);
});

plainIt('is in time or leaves nothing, while another program writes', async () => {
  await stockUp(5);
  const other = new DatabaseSync(file);
  other.exec('begin immediate');
  const late = await createApp(shop, { timeout: 200 }).request('/orders', sent(1));
  expect(late.status).toBe(504);
  // Readers do not wait for it.
  expect((await app.request('/ready')).status).toBe(200);
  other.exec('rollback');
  other.close();
  expect(await count('order')).toBe(0);
});

plainIt('a receipt waits until the mail service takes it', async () => {
  mail.status = 503;
  const relay = relayReceipts(shop, mail.url);
  relay.start();
  expect((await app.request('/orders', sent(2))).status).toBe(201);
  await expect.poll(() => mail.refused, { timeout: 10_000 }).toBeGreaterThan(0);
  mail.status = 200;
  await expect.poll(() => [...mail.received.values()], { timeout: 10_000 }).toMatchObject([{ amount: 6 }]);
  await expect.poll(() => count('sluice_outbox'), { timeout: 10_000 }).toBe(0);
  await relay.stop();
});
