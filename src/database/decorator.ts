import { createDecorator, type TransactionalDecorator, type TransactionOptions } from '../transaction/index.ts';
import { databaseHere } from './open-databases.ts';

/** As much of a database as a decorator needs; an object of another copy of the package has it too. */
interface BeginsTransactions {
  transaction(body: () => Promise<unknown>, options?: TransactionOptions): Promise<unknown>;
}

/**
 * Decorates an async method with a transaction of `this.bean.database`, or else of the database that is ambient, or else of the
 * only one that is open. Calls reject with `AmbiguousDatabaseError` where none of these decides.
 *
 * ```ts
 * class Orders {
 *   @Transactional({ propagation: 'MANDATORY' })
 *   async place(productId: number): Promise<void> {
 *     await database.query(sql`insert into orders (product_id) values (${productId})`);
 *   }
 * }
 * ```
 */
export function transactional(options?: TransactionOptions): TransactionalDecorator;
export function transactional(...given: [options?: TransactionOptions]): TransactionalDecorator {
  return createDecorator((instance, body, frozen) => {
    const database = databaseOf(instance) ?? (databaseHere() as BeginsTransactions);
    return database.transaction(body, frozen);
  }, given);
}

function databaseOf(instance: unknown): BeginsTransactions | undefined {
  const { bean } = (instance ?? {}) as { bean?: { database?: Partial<BeginsTransactions> } };
  const database = bean?.database;
  return typeof database?.transaction === 'function' ? (database as BeginsTransactions) : undefined;
}
