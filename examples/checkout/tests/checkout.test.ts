import { checkout, outbox } from '@shop/checkout';
import { Stock } from '@shop/inventory';
import { Order } from '@shop/orders';
import { revenue } from '@shop/reports';
import { closeDatabase, database, getManager, initDatabase } from '@shop/shared-database';
import { captureCommitHooks, rollbackEach } from 'sluice/testing';
import { afterAll, beforeAll, describe, expect, it as plainIt } from 'vitest';

const it = rollbackEach(database, plainIt);

beforeAll(() => initDatabase());
afterAll(async () => {
  await closeDatabase();
  await database.close();
});

const item = { productId: 'prod-1', quantity: 2, price: 50 };
const stockUp = (available: number): Promise<unknown> =>
  getManager().save(Stock, { productId: 'prod-1', available, reserved: 0 });

describe.concurrent('checkout', () => {
  it('reserves, orders and pays in one transaction, and mails after it', async () => {
    await stockUp(3);
    const captured = await captureCommitHooks(() => checkout({ customerId: 'user-1', items: [item], method: 'card' }));
    expect(captured.result.status).toBe('pending');
    expect(captured.count).toBe(1);
    expect(await revenue()).toBe(100);
    expect(await getManager().findOneBy(Stock, { productId: 'prod-1' })).toMatchObject({ available: 1, reserved: 2 });
    await captured.run();
    expect(outbox).toContain(`order ${captured.result.id} of user-1`);
  });

  it('leaves nothing behind when the payment is declined', async () => {
    await stockUp(3);
    const declined = checkout({ customerId: 'user-2', items: [item], method: 'expired card' });
    await expect(declined).rejects.toThrow('Card declined');
    expect(await getManager().count(Order)).toBe(0);
    expect(await revenue()).toBe(0);
    expect(await getManager().findOneBy(Stock, { productId: 'prod-1' })).toMatchObject({ available: 3, reserved: 0 });
  });

  it('sells no more than there is', async () => {
    await stockUp(3);
    await checkout({ customerId: 'user-3', items: [item], method: 'card' });
    await expect(checkout({ customerId: 'user-3', items: [item], method: 'card' })).rejects.toThrow('Insufficient');
    expect(await getManager().count(Order)).toBe(1);
    expect(await revenue()).toBe(100);
  });
});
