import { reserveStock } from '@shop/inventory';
import { createOrder, type Item, type Order } from '@shop/orders';
import { processPayment } from '@shop/payments';
import { database, withTransaction } from '@shop/shared-database';

export interface CheckoutDto {
  readonly customerId: string;
  readonly items: readonly Item[];
  readonly method: string;
}

/** Mails that were sent, for the sake of the example. */
export const outbox: string[] = [];

export async function checkout(dto: CheckoutDto): Promise<Order> {
  // Everything executes in a single transaction.
  return await withTransaction(async () => {
    for (const { productId, quantity } of dto.items) await reserveStock(productId, quantity);
    const order = await createOrder(dto);
    const amount = dto.items.reduce((sum, { price, quantity }) => sum + price * quantity, 0);
    await processPayment({ orderId: order.id, amount, method: dto.method });
    // After the commit, and only then.
    database.current.commit(() => outbox.push(`order ${order.id} of ${dto.customerId}`));
    return order;
  });
}
