import { anything, captureOrigin, type Check, checkBody, InvalidOptionError, readOptions } from '../../core/index.ts';
import { checkDatabase, type Database } from '../../database/index.ts';
import { readTransactionOptions, type TransactionOptions } from '../../transaction/index.ts';
import { checkAbility, checkLevels, clientsNamed, homeOf, refuseInTransaction } from './clients.ts';
import { coordinate } from './coordinate.ts';

/** Options of `twoPhase`. */
export interface TwoPhaseOptions {
  /** Of the transactions on all clients; all but SNAPSHOT. Default: that of each server. */
  readonly isolationLevel?: TransactionOptions['isolationLevel'];
  /** Milliseconds for the whole call, attempts of `retry` included; then all is rolled back, unless it is decided already. */
  readonly timeout?: number | undefined;
  /** Aborting it has the same effect, and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Repeats all of it after a serialization failure or deadlock on any of the clients. The body must be safe to repeat. */
  readonly retry?: TransactionOptions['retry'];
  /** Names the transactions in errors and statistics. At most 200 characters. Default: `two-phase commit`. */
  readonly name?: string | undefined;
}

const checks: Record<keyof TwoPhaseOptions, Check> = {
  isolationLevel: anything,
  timeout: anything,
  signal: anything,
  retry: anything,
  name: anything,
};

/**
 * Runs `body` in a transaction on each of several clients, which commit together or not at all, even if this process or one of
 * the servers ends in the middle. What is committed on the first client is the decision; the others prepare before it. Experimental.
 *
 * ```ts
 * await twoPhase(database, ['orders', 'payments'], async () => {
 *   await orders.query(sql`update customer_order set paid = true where id = ${id}`);
 *   await payments.query(sql`update account set balance = balance - ${amount} where id = ${account}`);
 * });
 * ```
 * @param clientNames at least two clients; the first has the tables of `createTwoPhaseTables`
 * @returns what `body` returns, once all clients have committed
 * @throws what `body` throws, when all is rolled back; TwoPhaseInDoubtError where an answer was lost in the second phase, so that
 * `recoverTwoPhase` has to end it; TwoPhasePrepareError, TwoPhaseAbortedError; TwoPhaseUnsupportedError, TwoPhaseTablesMissingError,
 * TwoPhaseInTransactionError, UnknownClientError and InvalidOptionError before anything is begun
 */
export async function twoPhase<Result, Name extends string = string>(
  database: Database<Name>,
  clientNames: readonly Name[],
  body: () => Result | PromiseLike<Result>,
  options: TwoPhaseOptions = {},
): Promise<Result> {
  const origin = captureOrigin(twoPhase);
  checkDatabase('twoPhase', database);
  checkBody('twoPhase', body);
  const { name = 'two-phase commit', ...read } = readTransactionOptions(readOptions('twoPhase', options, checks));
  if (read.isolationLevel === 'SNAPSHOT') throw noSnapshots();
  const clients = clientsNamed('twoPhase', database, clientNames, 2);
  const [first, ...others] = clients;
  if (first === undefined) throw new RangeError('there is no first client');
  refuseInTransaction('twoPhase');
  checkLevels(clients);
  const home = await homeOf(first);
  for (const other of others) await checkAbility(other);
  return await coordinate({ first, others, home, options: { ...read, name }, origin }, body);
}

function noSnapshots(): InvalidOptionError {
  return new InvalidOptionError({
    what: 'twoPhase got the isolation level SNAPSHOT, which MariaDB has only for what it can set in its session',
    remedy: 'Use REPEATABLE_READ or SERIALIZABLE',
  });
}
