import { sql } from 'sluice';
import { createShopSagas } from './checkout.ts';
import type { Order } from './services.ts';
import { openShop, setUp } from './shop.ts';

const shop = openShop();
await setUp(shop);
await shop.query(sql`insert into stock (product_id, available) values ('pen', 10) on conflict do nothing`);
const sagas = createShopSagas(shop);
const order = (amount: number, card: string): Order => {
  return { id: crypto.randomUUID(), productId: 'pen', quantity: 1, amount, card };
};

const small = order(3, 'good');
console.log(await sagas.checkout.run(small, { id: small.id }));

const declined = order(3, 'expired');
await sagas.checkout.run(declined, { id: declined.id }).catch((error: unknown) => console.log(String(error)));

const large = order(5_000, 'good');
const handle = await sagas.checkout.start(large, { id: large.id });
await handle.signal('approval', { by: 'Ada', granted: true });
console.log(await handle.result());

await sagas.stop();
await shop.close();
