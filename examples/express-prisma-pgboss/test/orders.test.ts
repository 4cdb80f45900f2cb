import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from 'pg';
import { rollbackEach, testHeaders } from 'sluice/testing';
import { afterAll, expect, it as plainIt } from 'vitest';
import { createApp } from '../src/app.ts';
import { type Answer, ask, openFreshShop } from './support.ts';

const { shop, connectionString, close } = await openFreshShop();
const servers: Server[] = [];
afterAll(async () => {
  for (const server of servers) server.close();
  await close();
});
async function listen(options: { readonly timeout?: number } = {}): Promise<string> {
  const server = createApp(shop, options).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const url = await listen();

/** A test that is rolled back, with what the server writes for its requests. */
const it = rollbackEach(shop.database, plainIt);

const stockUp = async (stock: number): Promise<void> => {
  await shop.prisma.product.create({ data: { id: 'pen', stock, price: 3 } });
};
const stockLeft = async (): Promise<number> =>
  (await shop.prisma.product.findUniqueOrThrow({ where: { id: 'pen' } })).stock;
const place = async (key: string, quantity = 1, headers: Record<string, string> = {}): Promise<Answer> =>
  await ask(`${url}/orders`, { ...testHeaders(), 'idempotency-key': key, ...headers }, { productId: 'pen', quantity });

it('an order takes from the stock', async () => {
  await stockUp(5);
  const { status, body } = await place('a', 2);
  expect(status).toBe(201);
  expect(body).toMatchObject({ shop: 'books', productId: 'pen', amount: 6, status: 'placed' });
  expect(await stockLeft()).toBe(3);
  expect(await ask(`${url}/orders/${body.id}`, testHeaders())).toMatchObject({
    status: 200,
    body: { ...body, payment: null },
  });
});

it('nothing of what a test orders stays', async () => {
  expect([await shop.prisma.order.count(), await shop.prisma.product.count()]).toEqual([0, 0]);
});

it('an order that is sent again is the same order', async () => {
  await stockUp(5);
  const first = await place('a', 2);
  expect(await place('a', 2)).toMatchObject({ status: 200, body: first.body });
  expect(await stockLeft()).toBe(3);
  expect(await place('a', 3)).toMatchObject({ status: 422, body: { error: 'the key is that of another order' } });
});

it('what is sold out leaves no order', async () => {
  await stockUp(1);
  expect(await place('a', 2)).toMatchObject({ status: 409, body: { error: 'sold out' } });
  expect([await shop.prisma.order.count(), await stockLeft()]).toEqual([0, 1]);
});

it('a shop has its own orders and keys', async () => {
  await stockUp(5);
  const { body } = await place('a');
  const toys = { 'x-shop': 'toys' };
  expect(await ask(`${url}/orders/${body.id}`, { ...testHeaders(), ...toys })).toMatchObject({ status: 404 });
  expect(await place('a', 1, toys)).toMatchObject({ status: 201, body: { shop: 'toys' } });
});

it('what is not paid is cancelled without a refund', async () => {
  await stockUp(5);
  const { body } = await place('a', 2);
  const cancel = (): Promise<Answer> => ask(`${url}/orders/${body.id}/cancellation`, testHeaders(), {});
  expect(await cancel()).toMatchObject({ status: 200, body: { refunded: 0 } });
  expect(await stockLeft()).toBe(5);
  expect(await cancel()).toMatchObject({ status: 404 });
});

it('what is not valid is refused', async () => {
  expect(await place('a', 0)).toMatchObject({ status: 400, body: { error: 'invalid' } });
  expect(await place('', 1)).toMatchObject({ status: 400, body: { error: 'invalid' } });
  const broken = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { ...testHeaders(), 'content-type': 'application/json' },
    body: '{',
  });
  expect([broken.status, Object.keys((await broken.json()) as object)]).toEqual([400, ['error']]);
  expect(await place('a', 1)).toMatchObject({ status: 404, body: { error: 'no such product' } });
});

async function placeBook(base: string): Promise<Answer> {
  return await ask(`${base}/orders`, { 'idempotency-key': 'a' }, { productId: 'book', quantity: 1 });
}

plainIt('an order is placed in time, or not at all', async () => {
  await shop.prisma.product.create({ data: { id: 'book', stock: 5, price: 20 } });
  const outside = new Client({ connectionString });
  await outside.connect();
  await outside.query('begin');
  await outside.query("select from product where id = 'book' for update");
  expect(await placeBook(await listen({ timeout: 300 }))).toMatchObject({ status: 504 });
  expect(await shop.prisma.order.count()).toBe(0);
  await outside.end();
  expect(await placeBook(url)).toMatchObject({ status: 201 });
});

plainIt('it says that it is ready', async () => {
  const answers = await Promise.all(['live', 'ready'].map((path) => fetch(`${url}/${path}`)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
});
