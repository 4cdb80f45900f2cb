import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'sluice';
import { findSaga } from 'sluice/saga';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { createShopSagas, type ShopSagas } from '../src/checkout.ts';
import type { Order } from '../src/services.ts';
import { openShop, setUp } from '../src/shop.ts';

const schema = `saga_${randomUUID().slice(0, 8)}`;
const folder = mkdtempSync(join(tmpdir(), 'shop-'));
const shop = openShop({ schema, paymentsFile: join(folder, 'payments.db') });
await setUp(shop, schema);
let sagas: ShopSagas;
beforeEach(async () => {
  sagas = createShopSagas(shop);
  await shop.query(
    sql`insert into stock (product_id, available) values ('pen', 5) on conflict (product_id) do update set available = 5`,
  );
});
afterEach(() => sagas.stop());
afterAll(async () => {
  await shop.query(`drop schema ${schema} cascade`);
  await shop.close();
  rmSync(folder, { recursive: true });
});

const orderOf = (amount: number, card = 'good'): Order => {
  return { id: randomUUID(), productId: 'pen', quantity: 2, amount, card };
};
/** What both databases have of an order. */
async function state({ id }: Order): Promise<{ available: unknown; status: unknown; paid: unknown }> {
  const stock = await shop.query<{ available: number }>('select available from stock');
  const order = await shop.query<{ status: string }>(sql`select status from "order" where id = ${id}`);
  const payment = await shop
    .getDb({ clientName: 'payments' })
    .query<{ amount: number }>(sql`select amount from payment where order_id = ${id}`);
  return { available: stock.rows[0]?.available, status: order.rows[0]?.status, paid: payment.rows[0]?.amount };
}
const stepsOf = async ({ id }: Order): Promise<string[]> => {
  const found = await findSaga(shop.current, 'checkout', id);
  return found?.steps.map((step) => `${step.name} ${step.state}`) ?? [];
};

it('reserves, charges and confirms, once for an id', async () => {
  const order = orderOf(3);
  const both = [sagas.checkout.run(order, { id: order.id }), sagas.checkout.run(order, { id: order.id })];
  const receipt = { orderId: order.id, approvedBy: null };
  expect(await Promise.all(both)).toEqual([receipt, receipt]);
  expect(await state(order)).toEqual({ available: 3, status: 'confirmed', paid: 3 });
});

it('a declined payment gives the stock back', async () => {
  const order = orderOf(3, 'expired');
  await expect(sagas.checkout.run(order, { id: order.id })).rejects.toMatchObject({ code: 'SAGA_FAILED' });
  expect(await state(order)).toEqual({ available: 5, status: 'cancelled', paid: undefined });
  expect(await stepsOf(order)).toContain('place undone');
});

it('what is sold out charges nothing', async () => {
  const order = { ...orderOf(3), quantity: 6 };
  await expect(sagas.checkout.run(order, { id: order.id })).rejects.toMatchObject({ code: 'SAGA_FAILED' });
  expect(await state(order)).toEqual({ available: 5, status: undefined, paid: undefined });
});

it('a large order waits for its approval, also in the next process', async () => {
  const order = orderOf(5_000);
  sagas.start();
  await sagas.checkout.start(order, { id: order.id });
  const status = async (): Promise<string> => (await sagas.checkout.get(order.id).status()).status;
  await expect.poll(status, { timeout: 10_000 }).toBe('waiting');
  expect(await state(order)).toEqual({ available: 3, status: 'pending', paid: 5_000 });
  await sagas.stop();
  sagas = createShopSagas(shop);
  await sagas.signal(order.id, 'approval', { by: 'Ada', granted: true });
  expect(await sagas.checkout.get(order.id).result()).toEqual({ orderId: order.id, approvedBy: 'Ada' });
  expect(await state(order)).toEqual({ available: 3, status: 'confirmed', paid: 5_000 });
});

it('one that is refused is paid back on the other database', async () => {
  const order = orderOf(5_000);
  const handle = await sagas.checkout.start(order, { id: order.id });
  await handle.signal('approval', { by: 'Ada', granted: false });
  await expect(handle.result()).rejects.toMatchObject({ cause: { message: 'Ada has refused the order' } });
  expect(await state(order)).toEqual({ available: 5, status: 'cancelled', paid: undefined });
});
