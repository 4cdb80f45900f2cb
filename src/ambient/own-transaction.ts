import { reportBackgroundError } from '../channels/index.ts';
import { type AmbientScope, currentFrame, findPlace } from '../context/index.ts';
import { type Database, type Db, internalsOf } from '../database/index.ts';
import { readOnce, type TransactionalClient } from '../transaction/index.ts';

/** A scope that stands for a transaction which a library is about to begin on a connection of its own. */
export interface Awaited {
  /** The library has begun it. */
  taken: boolean;
  /** The library has rolled it back. */
  rolledBack: boolean;
}

const awaited = new WeakMap<AmbientScope, Awaited>();

/** What the scope stands for, if its library has not begun it yet. */
export function awaitedIn(scope: AmbientScope | undefined): Awaited | undefined {
  const found = scope === undefined ? undefined : awaited.get(scope);
  return found?.taken === false ? found : undefined;
}

/** From here on the scope stands for a transaction that a library is about to begin and never ends itself. */
export function expectBegin(scope: AmbientScope): void {
  awaited.set(scope, { taken: false, rolledBack: false });
}

class RolledBack extends Error {
  readonly result: unknown;
  suppressed: readonly unknown[] = [];

  constructor(result: unknown) {
    super('the library rolled its transaction back');
    this.result = result;
  }
}

/** Runs an entry of a library that opens a transaction by itself. */
export type InOwnTransaction = <Result>(entry: () => Result | PromiseLike<Result>) => Promise<Result>;

/**
 * Runs entries of a library that open a transaction by themselves in a scope of their own, which is what that
 * transaction becomes: nested in the ambient one, or a new one that everything below joins. Without this
 * a pool sees only the text of BEGIN, and cannot tell what comes from the entry's body from what comes
 * from a sibling beside it.
 * @param library names the transactions in errors and statistics
 */
export function ownTransactions(database: Database, clientName: string | undefined, library: string): InOwnTransaction {
  // Where a library calls from says nothing of the program.
  const options = readOnce({ name: `transaction of ${library}`, propagation: 'NESTED' }, () => undefined);
  let found: { readonly db: Db; readonly client: TransactionalClient } | undefined;
  return async (entry) => {
    found ??= find(database, clientName);
    const { db, client } = found;
    const own: Awaited = { taken: false, rolledBack: false };
    try {
      return await db.transaction.begin(async () => {
        const { scope } = findPlace(currentFrame(), client);
        if (scope !== undefined) awaited.set(scope, own);
        const result = await entry();
        if (own.rolledBack) throw new RolledBack(result);
        return result;
      }, options);
    } catch (error) {
      if (!(error instanceof RolledBack)) throw error;
      for (const hookError of error.suppressed) reportBackgroundError({ source: 'compensation', error: hookError });
      return error.result as never;
    }
  };
}

function find(database: Database, clientName: string | undefined): { db: Db; client: TransactionalClient } {
  const db = database.getDb({ clientName });
  return { db, client: internalsOf(database).clientNamed(db.clientName) };
}
