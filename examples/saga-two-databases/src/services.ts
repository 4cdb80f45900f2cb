import { type Db, sql } from 'sluice';
import type { Shop } from './shop.ts';

export interface Order {
  readonly id: string;
  readonly productId: string;
  readonly quantity: number;
  readonly amount: number;
  readonly card: string;
}

/** Services know nothing of sagas: each call is in the transaction of the step that makes it. */
export class Inventory {
  readonly #shop: Shop;

  constructor(shop: Shop) {
    this.#shop = shop;
  }

  async reserve({ productId, quantity }: Order): Promise<void> {
    const taken = await this.#shop.query(
      sql`update stock set available = available - ${quantity} where product_id = ${productId} and available >= ${quantity}`,
    );
    if (taken.rowCount === 0) throw new Error('sold out');
  }

  async release({ productId, quantity }: Order): Promise<void> {
    await this.#shop.query(sql`update stock set available = available + ${quantity} where product_id = ${productId}`);
  }
}

export class Orders {
  readonly #shop: Shop;

  constructor(shop: Shop) {
    this.#shop = shop;
  }

  async place({ id, productId, quantity }: Order): Promise<void> {
    await this.#shop.query(
      sql`insert into "order" (id, product_id, quantity, status) values (${id}, ${productId}, ${quantity}, 'pending')`,
    );
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

  async charge({ id, amount, card }: Order): Promise<void> {
    await this.#payments.query(sql`insert into payment (order_id, amount) values (${id}, ${amount})`);
    if (card === 'expired') throw new Error('the card was declined');
  }

  async refund({ id }: Order): Promise<void> {
    await this.#payments.query(sql`delete from payment where order_id = ${id}`);
  }
}
