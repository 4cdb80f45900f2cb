import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../src/index.ts';
import { AfterCommitError, AnswerLostError, CommitUnknownError, SluiceError } from '../../src/index.ts';
import { idempotent } from '../../src/ports/idempotency/index.ts';
import { revenueOf, tried, type Told } from '../settings.ts';
import type { Order, Part } from './part.ts';

class DeclinedError extends Error {}

/** How an order is placed. */
export interface Manner {
  /** With a key under which it may be placed again; else in a transaction of which the caller is told how it ended. */
  readonly isIdempotent: boolean;
  /** Milliseconds after which a second caller places it, too, where there is one: meanwhile or afterwards. */
  readonly againAfter: number | undefined;
  /** Fails at its end, and is not sold. */
  readonly isDeclined: boolean;
  /** Does everything in a savepoint first, which is rolled back. */
  readonly isTriedFirst: boolean;
  readonly isSerializable: boolean;
  /** Has so little time that it may be ended in the middle. */
  readonly isHurried: boolean;
  /** Is written down by itself, whatever becomes of it, while its own transaction is open. */
  readonly isWrittenDown: boolean;
}

const hurry = 300;
/** How long a call with a key is repeated when no more harm is done, in milliseconds. */
const mostPatience = 30_000;

/** Places orders: money, stock and the sale in one transaction, with what all parts of the shop record of it. */
export class Checkout {
  readonly #database: Database<'default'>;
  readonly #parts: readonly Part[];

  readonly #onTold: (told: Told) => void;
  readonly #onWrong: (what: string) => void;

  /** @param onTold gets what hooks after the commit say of an order */
  constructor(
    database: Database<'default'>,
    parts: readonly Part[],
    onTold: (told: Told) => void,
    onWrong: (what: string) => void,
  ) {
    this.#database = database;
    this.#parts = parts;
    this.#onTold = onTold;
    this.#onWrong = onWrong;
  }

  /** @returns what its caller knows of it; `unknown`: nothing */
  async place(order: Order, manner: Manner, isOver: () => boolean): Promise<Told | 'unknown'> {
    if (!manner.isIdempotent) return await this.#placeOnce(order, manner);
    const again = (): Promise<Told | 'unknown'> => this.#placeUntilAnswered(order, manner, isOver);
    const { againAfter } = manner;
    const others = againAfter === undefined ? [] : [delay(againAfter).then(again)];
    const [told] = await Promise.all([again(), ...others]);
    return told;
  }

  async #placeOnce(order: Order, manner: Manner): Promise<Told | 'unknown'> {
    const options = {
      isolationLevel: manner.isSerializable ? 'SERIALIZABLE' : undefined,
      timeout: manner.isHurried ? hurry : undefined,
      retry: { attempts: 4 },
    } as const;
    try {
      await this.#database.transaction(() => this.#sell(order, manner), options);
      return { order: order.id, outcome: 'sold' };
    } catch (error) {
      return told(order, error);
    }
  }

  async #placeUntilAnswered(order: Order, manner: Manner, isOver: () => boolean): Promise<Told | 'unknown'> {
    let overSince: number | undefined;
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
        if (isOver()) overSince ??= performance.now();
        if (overSince !== undefined && performance.now() - overSince > mostPatience) {
          this.#onWrong(`order ${order.id} is stuck: its call with a key gets no answer (${codeOf(error)})`);
          return 'unknown';
        }
        await delay(50);
      }
    }
  }

  async #sell(order: Order, manner: Manner): Promise<string> {
    if (manner.isTriedFirst) await this.#try(order);
    if (manner.isWrittenDown) await this.#writeDown(order);
    await this.#write(order);
    if (manner.isDeclined) throw new DeclinedError();
    return order.id;
  }

  async #try(order: Order): Promise<void> {
    const failing = this.#database.transaction(
      async () => {
        await this.#write({ ...order, id: `${tried}${order.id}` });
        throw new DeclinedError();
      },
      { propagation: 'NESTED' },
    );
    await failing.catch((error: unknown) => {
      if (!(error instanceof DeclinedError)) throw error;
    });
  }

  async #writeDown({ id }: Order): Promise<void> {
    const write = (): Promise<unknown> => this.#database.query('insert into attempt (order_id) values ($1)', [id]);
    await this.#database.transaction(write, { propagation: 'REQUIRES_NEW' });
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
  return { order: order.id, outcome: 'not sold', why: error instanceof DeclinedError ? 'declined' : codeOf(error) };
}

function codeOf(error: unknown): string {
  return SluiceError.find(error)?.code ?? String(error);
}
