import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'sluice';
import { findSaga } from 'sluice/saga';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { createShopSagas, type ShopSagas } from '../src/checkout.ts';
import type { CheckoutDto } from '../src/services.ts';
import { openShop, setUp } from '../src/shop.ts';

const schema = `saga_${randomUUID().slice(0, 8)}`;
const folder = mkdtempSync(join(tmpdir(), 'shop-'));
const shop = openShop({ schema, paymentsFile: join(folder, 'payments.db') });
await setUp(shop, schema);
let sagas: ShopSagas;
beforeEach(async () => {
  sagas = createShopSagas(shop);
  await shop.query('delete from reservation');
  await shop.query(
    sql`insert into stock (product_id, available) values ('pen', 5), ('ink', 5) on conflict (product_id) do update set available = 5, reserved = 0`,
  );
});
afterEach(() => sagas.stop());
afterAll(async () => {
  await shop.query(`drop schema ${schema} cascade`);
  await shop.close();
  rmSync(folder, { recursive: true });
});

const dtoOf = (totalAmount: number, paymentMethod = 'card', quantity = 2): CheckoutDto => {
  const items = ['pen', 'ink'].map((productId) => ({ productId, quantity, price: 1 }));
  return { customerId: randomUUID(), items, totalAmount, paymentMethod };
};
/** What both databases have of a checkout. */
async function state({ customerId }: CheckoutDto): Promise<object> {
  const stock = await shop.query<{ available: number }>('select available from stock order by product_id');
  const reservations = await shop.query('select 1 from reservation');
  const orders = await shop.query<{ id: number; status: string }>(
    sql`select id, status from "order" where customer_id = ${customerId}`,
  );
  const [order] = orders.rows;
  const payment = await shop
    .getDb({ clientName: 'payments' })
    .query<{ amount: number }>(sql`select amount from payment where order_id = ${order?.id ?? 0}`);
  return {
    available: stock.rows.map(({ available }) => available),
    reservations: reservations.rows.length,
    status: order?.status,
    paid: payment.rows[0]?.amount,
  };
}
const untouched = { available: [5, 5], reservations: 0, paid: undefined };
const reserved = { available: [3, 3], reservations: 2 };
const stepsOf = async (id: string): Promise<string[]> => {
  const found = await findSaga(shop.current, 'checkout', id);
  return found?.steps.map((step) => `${step.name} ${step.state}`) ?? [];
};

it('reserves, orders, pays and confirms, once for an id', async () => {
  const [dto, id] = [dtoOf(4), randomUUID()];
  const [one, other] = await Promise.all([sagas.checkout.run(dto, { id }), sagas.checkout.run(dto, { id })]);
  expect(other).toEqual(one);
  expect(await state(dto)).toEqual({ ...reserved, status: 'confirmed', paid: 4 });
});

it('a declined payment releases the stock', async () => {
  const [dto, id] = [dtoOf(4, 'expired card'), randomUUID()];
  await expect(sagas.checkout.run(dto, { id })).rejects.toMatchObject({ code: 'SAGA_FAILED' });
  expect(await state(dto)).toEqual({ ...untouched, status: 'cancelled' });
  expect(await stepsOf(id)).toEqual(
    expect.arrayContaining(['reserve pen undone', 'reserve ink undone', 'order undone']),
  );
});

it('what is sold out pays nothing, and releases what was reserved before', async () => {
  await shop.query(sql`update stock set available = 1 where product_id = 'ink'`);
  const dto = dtoOf(4);
  await expect(sagas.checkout.run(dto, { id: randomUUID() })).rejects.toMatchObject({
    code: 'SAGA_FAILED',
    cause: { cause: { message: 'Insufficient stock' } },
  });
  expect(await state(dto)).toEqual({ ...untouched, available: [1, 5], status: undefined });
});

it('a large order waits for its approval, also in the next process', async () => {
  const [dto, id] = [dtoOf(5_000), randomUUID()];
  sagas.start();
  await sagas.checkout.start(dto, { id });
  const status = async (): Promise<string> => (await sagas.checkout.get(id).status()).status;
  await expect.poll(status, { timeout: 10_000 }).toBe('waiting');
  expect(await state(dto)).toEqual({ ...reserved, status: 'pending', paid: 5_000 });
  await sagas.stop();
  sagas = createShopSagas(shop);
  await sagas.signal(id, 'approval', { by: 'Ada', granted: true });
  expect(await sagas.checkout.get(id).result()).toMatchObject({ approvedBy: 'Ada' });
  expect(await state(dto)).toEqual({ ...reserved, status: 'confirmed', paid: 5_000 });
});

it('one that is refused is paid back on the other database', async () => {
  const dto = dtoOf(5_000);
  const handle = await sagas.checkout.start(dto, { id: randomUUID() });
  await handle.signal('approval', { by: 'Ada', granted: false });
  await expect(handle.result()).rejects.toMatchObject({ cause: { message: 'Ada has refused the order' } });
  expect(await state(dto)).toEqual({ ...untouched, status: 'cancelled' });
});
