import { type Db, sql } from 'sluice';
import type { Shop } from './shop.ts';

export interface Item {
  readonly productId: string;
  readonly quantity: number;
  readonly price: number;
}
export interface CreateOrderDto {
  readonly customerId: string;
  readonly items: readonly Item[];
}
export interface CheckoutDto extends CreateOrderDto {
  readonly totalAmount: number;
  readonly paymentMethod: string;
}
export interface Reservation {
  readonly id: number;
  readonly productId: string;
  readonly quantity: number;
}
export interface Order {
  readonly id: number;
  readonly customerId: string;
}
export interface Payment {
  readonly orderId: number;
  readonly amount: number;
}

/** Services know nothing of sagas: each call is in the transaction of the step that makes it. */
export class Inventory {
  readonly #shop: Shop;

  constructor(shop: Shop) {
    this.#shop = shop;
  }

  async reserveStock(productId: string, quantity: number): Promise<Reservation> {
    const taken = await this.#shop.query(
      sql`update stock set available = available - ${quantity}, reserved = reserved + ${quantity} where product_id = ${productId} and available >= ${quantity}`,
    );
    if (taken.rowCount === 0) throw new Error('Insufficient stock');
    const made = await this.#shop.query<{ id: number }>(
      sql`insert into reservation (product_id, quantity) values (${productId}, ${quantity}) returning id`,
    );
    const [{ id } = { id: 0 }] = made.rows;
    return { id, productId, quantity };
  }

  async releaseStock({ id, productId, quantity }: Reservation): Promise<void> {
    await this.#shop.query(sql`delete from reservation where id = ${id}`);
    await this.#shop.query(
      sql`update stock set available = available + ${quantity}, reserved = reserved - ${quantity} where product_id = ${productId}`,
    );
  }
}

export class Orders {
  readonly #shop: Shop;

  constructor(shop: Shop) {
    this.#shop = shop;
  }

  async createOrder({ customerId, items }: CreateOrderDto): Promise<Order> {
    const made = await this.#shop.query<{ id: number }>(
      sql`insert into "order" (customer_id, status) values (${customerId}, 'pending') returning id`,
    );
    const [{ id } = { id: 0 }] = made.rows;
    for (const { productId, quantity, price } of items) {
      await this.#shop.query(
        sql`insert into order_line (order_id, product_id, quantity, price) values (${id}, ${productId}, ${quantity}, ${price})`,
      );
    }
    return { id, customerId };
  }

  async setStatus({ id }: Order, status: 'confirmed' | 'cancelled'): Promise<void> {
    await this.#shop.query(sql`update "order" set status = ${status} where id = ${id}`);
  }
}

/** On the other database, in the transaction that the step has there. */
export class Payments {
  readonly #payments: Db;

  constructor(shop: Shop) {
    this.#payments = shop.getDb({ clientName: 'payments' });
  }

  async processPayment({ orderId, amount, method }: Payment & { readonly method: string }): Promise<Payment> {
    await this.#payments.query(sql`insert into payment (order_id, amount) values (${orderId}, ${amount})`);
    if (method === 'expired card') throw new Error('the card was declined');
    return { orderId, amount };
  }

  async refundPayment({ orderId }: Payment): Promise<void> {
    await this.#payments.query(sql`delete from payment where order_id = ${orderId}`);
  }
}
