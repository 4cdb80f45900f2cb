import { checkBody, SluiceError } from '../core/index.ts';
import { type Database, internalsOf } from '../database/index.ts';
import { describeTransactions, currentFrame } from '../context/index.ts';

/** A statement asked for a second connection at a level whose connection is held: it has escaped from a transaction. */
export class EscapedStatementError extends SluiceError {
  static override readonly code = 'ESCAPED_STATEMENT';
  override readonly code = 'ESCAPED_STATEMENT';
}

/**
 * Runs `body` with one connection for each level: whatever escapes its transaction (a statement that was
 * sent in a lost context, a handle of another pool over the same client) fails at once, with the name of
 * the transaction that it should have been in. Nothing else may use the database until `body` has ended.
 *
 * ```ts
 * await poolOfOne(database, () => checkout(id));
 * ```
 * @throws InvalidOptionError for what is no database or no function; what `body` throws
 */
export async function poolOfOne<Result>(
  database: Database,
  body: () => Result | PromiseLike<Result>,
  clientName?: string,
): Promise<Result> {
  const internals = internalsOf(database, 'poolOfOne');
  checkBody('poolOfOne', body);
  const { pool } = internals.clientNamed(clientName ?? internals.defaultClientName);
  const before = pool.guard;
  pool.guard = ({ level }, { levels, oldestHolder }) => {
    if ((levels[level]?.used ?? 0) === 0) return undefined;
    return new EscapedStatementError({
      what: `A statement asked for a second connection of client "${pool.clientName}" at level ${level}, where the transaction "${oldestHolder?.transaction ?? 'unknown'}" (${oldestHolder?.openedAt ?? 'of an unknown place'}) holds one: it has escaped from that transaction`,
      remedy:
        'Await it inside the transaction, and send it through a handle that follows it (current, an ambient pool)',
      chain: describeTransactions(currentFrame()?.innermost),
      at: { clientName: pool.clientName, level },
    });
  };
  try {
    return await body();
  } finally {
    pool.guard = before;
  }
}
