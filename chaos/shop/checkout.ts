import type { Database } from '../../src/index.ts';
import { AfterCommitError, AnswerLostError, CommitUnknownError, SluiceError } from '../../src/index.ts';
import { idempotent } from '../../src/ports/idempotency/index.ts';
import { revenueOf, type Told } from '../settings.ts';
import type { Order, Part } from './part.ts';

class DeclinedError extends Error {}

/** How an order is placed. */
export interface Manner {
  /** With a key under which it may be placed again; else in a transaction of which the caller is told how it ended. */
  readonly isIdempotent: boolean;
  /** Is placed by two callers at the same time. */
  readonly isTwice: boolean;
  /** Fails at its end, and is not sold. */
  readonly isDeclined: boolean;
  /** Does everything in a savepoint first, which is rolled back. */
  readonly isTriedFirst: boolean;
  readonly isSerializable: boolean;
}

/** Places orders: money, stock and the sale in one transaction, with what all parts of the shop record of it. */
export class Checkout {
  readonly #database: Database<'default'>;
  readonly #parts: readonly Part[];

  readonly #onTold: (told: Told) => void;

  /** @param onTold gets what hooks after the commit say of an order */
  constructor(database: Database<'default'>, parts: readonly Part[], onTold: (told: Told) => void) {
    this.#database = database;
    this.#parts = parts;
    this.#onTold = onTold;
  }

  /** @returns what its caller knows of it; `unknown`: nothing */
  async place(order: Order, manner: Manner, isOver: () => boolean): Promise<Told | 'unknown'> {
    if (!manner.isIdempotent) return await this.#placeOnce(order, manner);
    const again = (): Promise<Told | 'unknown'> => this.#placeUntilAnswered(order, manner, isOver);
    const [told] = await Promise.all([again(), ...(manner.isTwice ? [again()] : [])]);
    return told;
  }

  async #placeOnce(order: Order, manner: Manner): Promise<Told | 'unknown'> {
    const isolationLevel = manner.isSerializable ? 'SERIALIZABLE' : undefined;
    try {
      await this.#database.transaction(() => this.#sell(order, manner), { isolationLevel, retry: { attempts: 4 } });
      return { order: order.id, outcome: 'sold' };
    } catch (error) {
      return told(order, error);
    }
  }

  async #placeUntilAnswered(order: Order, manner: Manner, isOver: () => boolean): Promise<Told | 'unknown'> {
    for (;;) {
      try {
        const call = { key: order.id, scope: 'checkout', fingerprint: JSON.stringify(order), timeout: 5_000 };
        const { value } = await idempotent(this.#database, { ...call, transaction: { retry: { attempts: 3 } } }, () =>
          this.#sell(order, manner),
        );
        if (value !== order.id) throw new Error(`order ${order.id} got the answer of ${value}`);
        return { order: order.id, outcome: 'sold' };
      } catch (error) {
        // With the key a call is made again whatever has become of the first one.
        if (error instanceof DeclinedError) return { order: order.id, outcome: 'not sold', why: 'declined' };
        if (isOver()) return 'unknown';
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async #sell(order: Order, manner: Manner): Promise<string> {
    if (manner.isTriedFirst) await this.#try(order);
    await this.#write(order);
    if (manner.isDeclined) throw new DeclinedError();
    return order.id;
  }

  async #try(order: Order): Promise<void> {
    const tried = this.#database.transaction(
      async () => {
        await this.#write({ ...order, id: `tried ${order.id}` });
        throw new DeclinedError();
      },
      { propagation: 'NESTED' },
    );
    await tried.catch((error: unknown) => {
      if (!(error instanceof DeclinedError)) throw error;
    });
  }

  async #write(order: Order): Promise<void> {
    const { id, product, customer, quantity, price } = order;
    const { current: db } = this.#database;
    await db.query('update account set balance = balance - $1 where id = $2', [price, customer]);
    await db.query('update account set balance = balance + $1 where id = $2', [price, revenueOf(product)]);
    await db.query('update product set stock = stock - $1, name = $2 where id = $3', [quantity, id, product]);
    const row = [id, product, customer, quantity, price];
    await db.query(
      'insert into sale (order_id, product_id, customer, quantity, price) values ($1, $2, $3, $4, $5)',
      row,
    );
    for (const part of this.#parts) await part.record(order);
    db.afterCommit(() => this.#onTold({ order: id, outcome: 'sold', why: 'its hook after the commit has run' }));
  }
}

/** What the caller of a transaction may conclude from its error. */
function told(order: Order, error: unknown): Told | 'unknown' {
  if (error instanceof CommitUnknownError) return 'unknown';
  if (error instanceof AfterCommitError || error instanceof AnswerLostError)
    return { order: order.id, outcome: 'sold' };
  const why = error instanceof DeclinedError ? 'declined' : (SluiceError.find(error)?.code ?? String(error));
  return { order: order.id, outcome: 'not sold', why };
}
