import { checkout } from '@shop/checkout';
import { Stock } from '@shop/inventory';
import { revenue } from '@shop/reports';
import { closeDatabase, database, getManager, initDatabase } from '@shop/shared-database';
import { afterAll, beforeAll, expect, it } from 'vitest';

beforeAll(() => initDatabase());
afterAll(async () => {
  await closeDatabase();
  await database.close();
});

// Both commit, or try to: it is the database of this worker alone.
it('sells the last piece once', async () => {
  await getManager().save(Stock, { productId: 'prod-1', available: 1, reserved: 0 });
  const items = [{ productId: 'prod-1', quantity: 1, price: 50 }];
  const both = ['user-1', 'user-2'].map((customerId) => checkout({ customerId, items, method: 'card' }));
  const outcomes = (await Promise.allSettled(both)).map(({ status }) => status);
  expect(outcomes.sort()).toEqual(['fulfilled', 'rejected']);
  expect(await revenue()).toBe(50);
  expect(await getManager().findOneBy(Stock, { productId: 'prod-1' })).toMatchObject({ available: 0, reserved: 1 });
});
