import { fieldOf, InvalidOptionError } from '../../core/index.ts';
import type { Database, Db, TransactionOptions } from '../../index.ts';
import { boundTo } from '../../library/index.ts';
import type { Propagation } from './propagation.ts';

/** Transactions of Sluice, on the client to which a connection is bound. */
export interface AmbientTransactions {
  isActive(): boolean;
  begin<Result>(body: () => Promise<Result>, propagation: Propagation, options: object | undefined): Promise<Result>;
}

interface BeginsByItself {
  inTransaction<Result>(body: () => Promise<Result>, options: TransactionOptions): Promise<Result>;
}

/** None for a connection that Sluice has not bound. */
export function ambientTransactionsOf(connection: unknown): AmbientTransactions | undefined {
  // Copies of a Knex share their context, which is what is bound.
  const bound = fieldOf(connection, boundTo) ?? fieldOf(fieldOf(connection, 'context'), boundTo);
  const client = bound as { readonly name: string; readonly database: Database } | undefined;
  if (client === undefined) return undefined;
  const db: Db = client.database.getDb({ clientName: client.name });
  return {
    isActive: () => db.inTransaction,
    begin(body, propagation, given) {
      const options = { ...sluiceOptions(given), propagation };
      // A data source tells its subscribers.
      if (typeof fieldOf(connection, 'inTransaction') === 'function') {
        return (connection as BeginsByItself).inTransaction(body, options);
      }
      return db.transaction.begin(body, options);
    },
  };
}

/** What the options of the libraries are called here; those that are about waiting for a connection are the pool's. */
function sluiceOptions(given: object | undefined): TransactionOptions {
  const { accessMode, maxWait: _, ...options } = (given ?? {}) as Record<string, unknown>;
  if (accessMode === undefined) return options;
  if (accessMode === 'read only' || accessMode === 'read write') {
    return { ...options, readOnly: accessMode === 'read only' };
  }
  throw new InvalidOptionError({
    what: 'A transaction got what is no "accessMode"',
    remedy: 'Give "read only" or "read write"',
  });
}
