import { checkBody, readOptions } from '../core/index.ts';
import { checkDatabase, type Database } from '../database/index.ts';
import { type AsJson, notWritten, writeJson } from '../payload/index.ts';
import { readTransactionOptions } from '../transaction/index.ts';
import type { IdempotentAnswer } from './call.ts';
import { noAnswer } from './errors.ts';
import { checkKey, hashOf, idOf } from './key.ts';
import { defaults, idempotentChecks, type IdempotentOptions } from './options.ts';
import { runIdempotent } from './run.ts';

/**
 * Runs `handler` once for a key, in a transaction: its effects, the key and the answer commit together. A call with a key that was
 * used gets the stored answer; one whose key is in use waits for it. A handler that throws leaves nothing, so that the call may be
 * made again.
 *
 * ```ts
 * const { value, isReplayed } = await idempotent(
 *   database,
 *   { key: message.id, scope: 'charge', fingerprint: JSON.stringify(order) },
 *   async () => ({ payment: await charge(order) }),
 * );
 * ```
 * @param handler may be run again where `retry` of the transaction says so; what it returns is stored as JSON, and given as that
 * makes it, to the first call too
 * @throws what the handler and `database.transaction` throw; IdempotencyKeyError, IdempotencyConflictError,
 * IdempotencyInProgressError, IdempotencyAnswerError, IdempotencyUnknownError, IdempotencyTablesMissingError
 */
export async function idempotent<Result, Name extends string>(
  database: Database<Name>,
  options: IdempotentOptions<NoInfer<Name>>,
  handler: () => Result | PromiseLike<Result>,
): Promise<IdempotentAnswer<AsJson<Result>>> {
  const owner = 'idempotent';
  checkDatabase(owner, database);
  const read = readOptions<IdempotentOptions<Name>>(owner, options, idempotentChecks, ['scope']);
  const key = checkKey(owner, read.key);
  checkBody(owner, handler);
  const { scope, fingerprint = '', clientName, transaction = {} } = read;
  const { ttl = defaults.ttl, timeout = defaults.timeout, maxAnswerBytes = defaults.maxAnswerBytes } = read;
  const given = readTransactionOptions({ name: transaction.name ?? scope.slice(0, 200), ...transaction });
  const db = clientName === undefined ? database.current : database.getDb({ clientName });
  const isOpen = db.transaction.active !== undefined;
  return await runIdempotent<AsJson<Result>>({
    db,
    id: idOf(scope, key),
    scope,
    fingerprint: hashOf(fingerprint),
    ttl,
    timeout,
    maxAnswerBytes,
    signal: given.signal,
    joins: isOpen && given.propagation !== 'REQUIRES_NEW',
    transact: (body, wait) => {
      const signal = both(given.signal, wait);
      const run = (): ReturnType<typeof body> =>
        db.transaction.begin(body, signal === undefined ? given : { ...given, signal });
      return clientName === undefined ? run() : database.switchDb(run, { clientName });
    },
    async handle() {
      const answer = toJson(scope, await handler());
      // As it will be for those who get it from the table.
      return { value: fromJson(answer) as AsJson<Result>, answer };
    },
    read: (answer) => fromJson(answer) as AsJson<Result>,
  });
}

function both(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  return one !== undefined && other !== undefined ? AbortSignal.any([one, other]) : (one ?? other);
}

/** Nothing is no JSON: it has a text of its own. */
function fromJson(answer: string): unknown {
  return answer === '' ? undefined : (JSON.parse(answer) as unknown);
}

function toJson(scope: string, value: unknown): string {
  const what = `What the handler of "${scope}" returned`;
  let json: string | undefined;
  try {
    json = writeJson(value, { functions: 'left out' });
  } catch (error) {
    const { what: said, cause } = notWritten(what, error);
    throw noAnswer(said, cause);
  }
  // Nothing is no JSON: it has a text of its own.
  if (json !== undefined || value === undefined) return json ?? '';
  throw noAnswer(notWritten(what, undefined).what);
}
