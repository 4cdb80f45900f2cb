import { type InOwnTransaction, ownTransactions } from '../../ambient/index.ts';
import type { Database } from '../../index.ts';

/** What is used of a database of Drizzle, and of a transaction of its. */
interface WithTransaction {
  // Each dialect has other types here; only the shape matters.
  readonly transaction: (...args: never[]) => Promise<unknown>;
}

type Body = (transaction: WithTransaction) => Promise<unknown>;
type Transaction = (body: Body, ...rest: unknown[]) => Promise<unknown>;

const bound = new WeakSet<object>();

/**
 * Lets the transactions of a Drizzle over an ambient pool be ambient ones: everything below them joins, and
 * inside of another they nest. Changes the object, and returns it.
 *
 * ```
 * export const drizzled = bindDrizzle(drizzle(ambientPool(database)), database);
 * ```
 * @param clientName that of the ambient pool; default: the default client
 */
export function bindDrizzle<Drizzle extends WithTransaction, Name extends string>(
  drizzle: Drizzle,
  database: Database<Name>,
  clientName?: NoInfer<Name>,
): Drizzle {
  bind(drizzle, ownTransactions(database, clientName, 'Drizzle'));
  return drizzle;
}

function bind(drizzle: WithTransaction, own: InOwnTransaction): void {
  if (bound.has(drizzle)) return;
  bound.add(drizzle);
  const transaction = drizzle.transaction.bind(drizzle) as unknown as Transaction;
  const boundWithin =
    (body: Body): Body =>
    async (inner) => {
      bind(inner, own);
      return await body(inner);
    };
  // What is no function is for Drizzle to judge.
  const ours: Transaction = (body, ...rest) =>
    own(() => transaction(typeof body === 'function' ? boundWithin(body) : body, ...rest));
  Object.assign(drizzle, { transaction: ours });
}
