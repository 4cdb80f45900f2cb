import { getManager, registerEntities } from '@shop/shared-database';
import { EntitySchema } from 'typeorm';

export interface Stock {
  productId: string;
  available: number;
  reserved: number;
}
export const Stock = new EntitySchema<Stock>({
  name: 'stock',
  columns: {
    productId: { type: 'text', primary: true, name: 'product_id' },
    available: { type: 'int' },
    reserved: { type: 'int' },
  },
});

export interface Reservation {
  id: number;
  productId: string;
  quantity: number;
  expiresAt: Date;
}
export const Reservation = new EntitySchema<Reservation>({
  name: 'reservation',
  columns: {
    id: { type: 'int', primary: true, generated: true },
    productId: { type: 'text', name: 'product_id' },
    quantity: { type: 'int' },
    expiresAt: { type: 'timestamptz', name: 'expires_at' },
  },
});

registerEntities(Stock, Reservation);

/** Takes stock out, in whichever transaction the caller is. */
export async function reserveStock(productId: string, quantity: number): Promise<Reservation> {
  const manager = getManager();
  const stock = await manager.findOneOrFail(Stock, {
    where: { productId },
    lock: { mode: 'pessimistic_write' }, // FOR UPDATE
  });
  if (stock.available < quantity) throw new Error('Insufficient stock');
  stock.available -= quantity;
  stock.reserved += quantity;
  await manager.save(Stock, stock);
  const expiresAt = new Date(Date.now() + 15 * 60 * 1000); // 15 min
  return await manager.save(Reservation, manager.create(Reservation, { productId, quantity, expiresAt }));
}
