import type { Database, Db } from '../../index.ts';

export interface Item {
  readonly productId: number;
  readonly quantity: number;
}

export interface Checkout {
  readonly orderId: number;
  readonly buyer: number;
  readonly items: readonly Item[];
  readonly declined: boolean;
}

export class SoldOutError extends Error {
  override readonly name = 'SoldOutError';
}

export class PaymentDeclinedError extends Error {
  override readonly name = 'PaymentDeclinedError';
}

/** The inventory service. It knows nothing of who calls it, or of a transaction. */
class Inventory {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async reserve(orderId: number, { productId, quantity }: Item): Promise<void> {
    const { current } = this.#database;
    const taken = await current.query('update product set stock = stock - $2 where id = $1 and stock >= $2', [
      productId,
      quantity,
    ]);
    if (taken.rowCount === 0) throw new SoldOutError(`product ${productId} is sold out`);
    await current.query('insert into reservation values ($1, $2, $3)', [orderId, productId, quantity]);
  }
}

class Orders {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async place({ orderId, buyer, items }: Checkout): Promise<void> {
    const { current } = this.#database;
    await current.query(`insert into checkout_order values ($1, $2, 'pending')`, [orderId, buyer]);
    for (const { productId, quantity } of items) {
      await current.query('insert into order_line values ($1, $2, $3)', [orderId, productId, quantity]);
    }
  }

  async markPaid(orderId: number): Promise<void> {
    await this.#database.current.query(`update checkout_order set status = 'paid' where id = $1`, [orderId]);
  }
}

/** Where the audit trail is written. */
export interface AuditTrail {
  /** A handle without a level follows the rules, one with a level is taken as it is. */
  readonly db: Db;
  /** Whether it writes in a transaction of its own while the order's is open, or after that has ended. */
  readonly isSeparate: boolean;
}

class Payments {
  readonly #database: Database;
  readonly #audit: AuditTrail;

  constructor(database: Database, audit: AuditTrail) {
    this.#database = database;
    this.#audit = audit;
  }

  async charge({ orderId, items, declined }: Checkout): Promise<void> {
    const amount = items.reduce((sum, { quantity }) => sum + quantity * 10, 0);
    await this.#record(orderId, declined ? 'declined' : 'charged');
    if (declined) throw new PaymentDeclinedError(`the payment of order ${orderId} was declined`);
    await this.#database.current.query('insert into payment values ($1, $2)', [orderId, amount]);
  }

  /** The audit trail stays, whatever becomes of the order. */
  async #record(orderId: number, event: string): Promise<void> {
    const { db, isSeparate } = this.#audit;
    const write = (): Promise<unknown> =>
      db.transaction.begin(() => db.query('insert into audit values ($1, $2)', [orderId, event]), {
        propagation: 'REQUIRES_NEW',
        name: 'audit',
      });
    if (isSeparate) await write();
    else this.#database.current.afterCompletion(write);
  }
}

/** Makes a function that checks out: three services, one transaction. */
export function createShop(database: Database, audit: AuditTrail): (checkout: Checkout) => Promise<void> {
  const inventory = new Inventory(database);
  const orders = new Orders(database);
  const payments = new Payments(database, audit);
  return (checkout) =>
    database.transaction(
      async () => {
        for (const item of checkout.items) await inventory.reserve(checkout.orderId, item);
        await orders.place(checkout);
        await payments.charge(checkout);
        await orders.markPaid(checkout.orderId);
      },
      { name: 'checkout' },
    );
}
