import { HTTPException } from 'hono/http-exception';
import type { Selectable } from 'kysely';
import { sendReceipt } from './receipts.ts';
import type { Order, Product, Shop } from './shop.ts';

export interface NewOrder {
  readonly productId: string;
  readonly quantity: number;
  readonly email: string;
}

/** @throws HTTPException 404 */
export async function findProduct({ kysely, products }: Shop, id: string): Promise<Product> {
  const found = await products.getOrSet(
    id,
    async () => (await kysely.selectFrom('product').selectAll().where('id', '=', id).executeTakeFirst()) ?? null,
  );
  if (found === null) throw new HTTPException(404, { message: 'no such product' });
  return found;
}

/** In the transaction of its caller. @throws HTTPException 404, 409 */
export async function placeOrder(shop: Shop, { productId, quantity, email }: NewOrder): Promise<Selectable<Order>> {
  const { kysely, products } = shop;
  const { price } = await findProduct(shop, productId);
  const order = await kysely
    .insertInto('order')
    .values({ product_id: productId, quantity, amount: price * quantity, email })
    .returningAll()
    .executeTakeFirstOrThrow();
  const taken = await kysely
    .updateTable('product')
    .set((product) => ({ stock: product('stock', '-', quantity) }))
    .where('id', '=', productId)
    .where('stock', '>=', quantity)
    .executeTakeFirst();
  // The order goes with the transaction.
  if (taken.numUpdatedRows === 0n) throw new HTTPException(409, { message: 'sold out' });
  await products.del(productId);
  await sendReceipt(shop, { email, orderId: order.id, amount: order.amount });
  return order;
}
