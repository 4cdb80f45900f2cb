import type { Database } from '../../src/index.ts';

export interface Order {
  readonly id: string;
  readonly product: number;
  readonly customer: number;
  readonly quantity: number;
  readonly price: number;
}

/** A part of the shop: what it does in the transaction of a checkout, and what it does by itself after that. */
export interface Part {
  readonly name: string;
  /** In the transaction of the order. */
  record(order: Order): Promise<void>;
  /** Works on what was recorded. */
  start?(): void;
  /** Before the database is closed. */
  stop(): Promise<void>;
}

/** Notes what an order has caused, in the transaction that is open. Nothing in the table keeps a second one out. */
export async function note(database: Database<'default'>, kind: string, order: string): Promise<void> {
  await database.query('insert into effect (kind, order_id) values ($1, $2)', [kind, order]);
}
