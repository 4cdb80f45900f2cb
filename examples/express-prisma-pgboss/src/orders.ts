import { currentContext } from 'sluice';
import type { Order } from '../generated/client.ts';
import { Refused } from './refused.ts';
import type { Shop } from './shop.ts';

export interface NewOrder {
  /** The client's name for it: one that comes again is the same order. */
  readonly key: string;
  readonly productId: string;
  readonly quantity: number;
}

/** Places an order: the order, its stock and the job for its payment, or nothing. @returns whether it is a new one */
export async function checkout(shop: Shop, wanted: NewOrder): Promise<{ order: Order; isNew: boolean }> {
  const { database, prisma, jobs } = shop;
  const { key, productId, quantity } = wanted;
  const tenant = tenantOf();
  return await database.transaction(async () => {
    const product = await prisma.product.findUnique({ where: { id: productId } });
    if (product === null) throw new Refused(404, 'no such product');
    // Of two requests with one key the second waits here until the first has ended.
    const data = { shop: tenant, key, productId, quantity, amount: product.price * quantity };
    const [order] = await prisma.order.createManyAndReturn({ data, skipDuplicates: true });
    if (order === undefined) return { order: await placedBefore(shop, tenant, wanted), isNew: false };

    const { count } = await prisma.product.updateMany({
      where: { id: productId, stock: { gte: quantity } },
      data: { stock: { decrement: quantity } },
    });
    if (count === 0) throw new Refused(409, 'sold out');
    await jobs.queues.payment.push({ orderId: order.id });
    return { order, isNew: true };
  });
}

async function placedBefore({ prisma }: Shop, tenant: string, { key, productId, quantity }: NewOrder): Promise<Order> {
  const order = await prisma.order.findUniqueOrThrow({ where: { shop_key: { shop: tenant, key } } });
  const isSame = order.productId === productId && order.quantity === quantity;
  if (!isSame) throw new Refused(422, 'the key is that of another order');
  return order;
}

/** Cancels an order, and gives back what was paid. @returns the amount */
export async function cancel({ database, prisma, jobs }: Shop, id: number): Promise<number> {
  const shop = tenantOf();
  return await database.transaction(async () => {
    const cancelled = { status: 'cancelled' } as const;
    // In this order, since what is placed becomes paid, and never the other way round.
    const placed = await prisma.order.updateManyAndReturn({ where: { id, shop, status: 'placed' }, data: cancelled });
    const paid = await prisma.order.updateManyAndReturn({ where: { id, shop, status: 'paid' }, data: cancelled });
    const [order] = [...placed, ...paid];
    if (order === undefined) throw new Refused(404, 'no such order, or it is cancelled already');
    // Another process does it, in a transaction of its own, while this one waits.
    const refunded = paid.length === 0 ? 0 : await jobs.queues.refund.pushAsync({ orderId: id });
    // Last: other checkouts wait for this row.
    await prisma.product.update({
      where: { id: order.productId },
      data: { stock: { increment: order.quantity } },
    });
    return refunded;
  });
}

export async function findOrder({ prisma }: Shop, id: number): Promise<Order> {
  const order = await prisma.order.findFirst({ where: { id, shop: tenantOf() }, include: { payment: true } });
  if (order === null) throw new Refused(404, 'no such order');
  return order;
}

function tenantOf(): string {
  const { tenant } = currentContext();
  if (tenant === undefined) throw new Refused(401, 'no shop was named');
  return tenant;
}
