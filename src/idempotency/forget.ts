import { type Check, integer, readOptions } from '../core/index.ts';
import { runBare } from '../context/index.ts';
import { clientOf, type Db } from '../database/index.ts';
import { tables } from './tables.ts';

/** Options of `forgetExpiredKeys`. */
export interface ForgetOptions {
  /** The most keys that are deleted in one transaction. Default 1,000; at most 10,000. */
  readonly limit?: number | undefined;
}

const checks: Record<keyof ForgetOptions, Check> = { limit: integer(1, 10_000) };

/**
 * Deletes keys that have expired, oldest first, in a transaction of its own; says how many there were. Call it from time to time,
 * as long as it has deleted as many as it may. It waits for no call that uses its key anew.
 *
 * ```ts
 * while ((await forgetExpiredKeys(database.current)) === 1_000);
 * ```
 * @throws InvalidOptionError, IdempotencyTablesMissingError; what a transaction throws
 */
export async function forgetExpiredKeys(db: Db, options: ForgetOptions = {}): Promise<number> {
  clientOf(db);
  const { limit = 1_000 } = readOptions('forgetExpiredKeys', options, checks);
  const sql = tables.of(db);
  const forget = async (): Promise<number> => {
    const { rows } = await tables.query<{ readonly id: string }>(db, sql.expired(limit));
    if (rows.length === 0) return 0;
    return (await tables.query(db, sql.remove(rows.map(({ id }) => id)))).rowCount;
  };
  // On MySQL and MariaDB a stronger level would lock the gaps between keys.
  const own = { propagation: 'REQUIRES_NEW', isolationLevel: 'READ_COMMITTED', retry: { attempts: 5 } } as const;
  return await runBare(() => db.transaction.begin(forget, { name: 'forget keys', ...own }));
}
