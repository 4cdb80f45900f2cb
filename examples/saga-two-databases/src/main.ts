import { sql } from 'sluice';
import { createShopSagas } from './checkout.ts';
import type { CheckoutDto } from './services.ts';
import { openShop, setUp } from './shop.ts';

const shop = openShop();
await setUp(shop);
await shop.query(sql`insert into stock (product_id, available) values ('pen', 10), ('ink', 10) on conflict do nothing`);
const sagas = createShopSagas(shop);
const dto = (totalAmount: number, paymentMethod: string): CheckoutDto => {
  const items = ['pen', 'ink'].map((productId) => ({ productId, quantity: 1, price: totalAmount / 2 }));
  return { customerId: 'Grace', items, totalAmount, paymentMethod };
};

console.log(await sagas.checkout.run(dto(4, 'card'), { id: crypto.randomUUID() }));

const declined = sagas.checkout.run(dto(4, 'expired card'), { id: crypto.randomUUID() });
await declined.catch((error: unknown) => console.log(String(error)));

const large = await sagas.checkout.start(dto(5_000, 'card'), { id: crypto.randomUUID() });
await large.signal('approval', { by: 'Ada', granted: true });
console.log(await large.result());

await sagas.stop();
await shop.close();
