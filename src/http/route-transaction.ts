import { reportBackgroundError } from '../channels/index.ts';
import { aFunction, anything, type Check, checkBody, integer, label, readOptions, text } from '../core/index.ts';
import { suppressedBy } from '../hooks/index.ts';
import { runIdempotent } from '../idempotency/index.ts';
import { AfterCommitError, readTransactionOptions, type TransactionOptions } from '../transaction/index.ts';
import {
  idempotencyCheck,
  type IdempotencySettings,
  idempotencySettings,
  type RouteIdempotencyOptions,
} from './idempotency-options.ts';
import { type KeptRoute, type NamedRequest, readRequest } from './idempotent-route.ts';
import { type KeptAnswer, readAnswer, writeAnswer } from './kept-answer.ts';
import type { RequestContext } from './request-context.ts';

/** Options of a route's transaction. */
export interface RouteTransactionOptions<Request = unknown> extends Omit<TransactionOptions, 'signal'> {
  /** The client of the database on which it runs. Default: the current client. */
  readonly clientName?: string | undefined;
  /**
   * Whether an answer that a handler gives with this status, without an error, rolls back. Default: `status >= 400`, so that
   * a client whose request has failed finds nothing of it in the data.
   */
  readonly rollbackOnStatus?: ((status: number) => boolean) | undefined;
  /**
   * How many bytes of an answer that is written piece by piece are held back until the commit. A larger one is refused.
   * Default 1,048,576.
   */
  readonly maxHeld?: number | undefined;
  /**
   * Whether requests have an `Idempotency-Key`: the handler runs once for a key, and one that comes again gets the answer of the
   * first. See `RouteIdempotencyOptions`. Default false.
   */
  readonly idempotency?: boolean | RouteIdempotencyOptions<Request> | undefined;
}

/** What a handler came to. */
export interface RouteAnswer<Value> {
  /** The status of the answer. */
  readonly status: number;
  /** The answer, in whatever form the framework has it. */
  readonly value: Value;
}

const ownChecks: Record<'clientName' | 'rollbackOnStatus' | 'maxHeld' | 'idempotency', Check> = {
  clientName: text(200),
  rollbackOnStatus: aFunction,
  maxHeld: integer(0, 1024 * 1024 * 1024, 'bytes'),
  idempotency: idempotencyCheck,
};
const names: readonly Exclude<keyof TransactionOptions, 'signal'>[] = [
  'propagation',
  'isolationLevel',
  'readOnly',
  'timeout',
  'retry',
  'rollbackOn',
  'name',
];
const checks: Record<keyof RouteTransactionOptions, Check> = {
  ...ownChecks,
  ...(Object.fromEntries(names.map((name) => [name, anything])) as Record<(typeof names)[number], Check>),
};

/** The names of the options, for adapters that have others besides. */
export const routeOptionNames: readonly (keyof RouteTransactionOptions)[] = Object.keys(
  checks,
) as readonly (keyof RouteTransactionOptions)[];

/** Route options after they were read. */
export interface RouteSettings {
  /** Those of the transaction. */
  readonly transaction: Omit<TransactionOptions, 'signal'>;
  /** See `RouteTransactionOptions`. */
  readonly clientName: string | undefined;
  /** See `RouteTransactionOptions`. */
  readonly maxHeld: number;
  /** See `RouteTransactionOptions`. */
  readonly rollsBack: (status: number) => boolean;
  /** See `RouteTransactionOptions`. */
  readonly idempotency: IdempotencySettings | undefined;
}

/** Checks the options of a route when it is defined. @throws InvalidOptionError */
export function readRouteOptions(options: RouteTransactionOptions<never>, owner: string): RouteSettings {
  const read = readOptions<RouteTransactionOptions<never>>(owner, options, checks);
  const { clientName, rollbackOnStatus, maxHeld = 1024 * 1024, idempotency, ...transaction } = read;
  return {
    transaction: readTransactionOptions(transaction),
    clientName,
    maxHeld,
    rollsBack: (status) => rollbackOnStatus?.(status) ?? status >= 400,
    idempotency: idempotencySettings(owner, idempotency, transaction),
  };
}

/**
 * Gives the transaction of a route a name for errors and statistics, unless it has one.
 * @param method of the requests, such as `POST`
 * @param path the pattern of the route, without values of a request
 */
export function namedRoute(settings: RouteSettings, method: string, path: unknown): RouteSettings {
  if (settings.transaction.name !== undefined) return settings;
  const name = `${method} ${typeof path === 'string' ? path : 'route'}`.slice(0, 200);
  return label(200)(name) === undefined ? { ...settings, transaction: { ...settings.transaction, name } } : settings;
}

/**
 * Runs the handler of a route in a transaction and gives its answer when that is committed, which is when it may be sent: an
 * error of the COMMIT is one of this call. An answer whose status rolls back is given too, after the rollback.
 *
 * ```ts
 * import { createServer } from 'node:http';
 * const contexts = createHttpContext(database);
 * const server = createServer((request, response) => {
 *   const received = { headers: request.headers, signal: disconnectSignal(response) };
 *   const handler = async () => ({ status: 201, value: await checkout(id) });
 *   contexts.run(request, received, (context) => routeTransaction(context, handler)).then(
 *     (value) => response.writeHead(201).end(JSON.stringify(value)),
 *     (error: unknown) => response.writeHead(httpStatusOf(error)).end(),
 *   );
 * });
 * ```
 * @param handler gives its answer with its status, and sends nothing
 * @throws what the handler throws; ClientDisconnectedError; what `database.transaction` throws
 */
export async function routeTransaction<Value>(
  context: RequestContext,
  handler: () => Promise<RouteAnswer<Value>>,
  options: RouteTransactionOptions = {},
): Promise<Value> {
  checkBody('routeTransaction', handler);
  return await runRoute(context, handler, readRouteOptions(options, 'routeTransaction'));
}

/**
 * The same with options that were read before.
 * @param kept what an idempotent route needs besides; without it a route is not idempotent
 */
export async function runRoute<Value>(
  context: RequestContext,
  handler: () => Promise<RouteAnswer<Value>>,
  settings: RouteSettings,
  kept?: KeptRoute<Value>,
): Promise<Value> {
  const { transaction, clientName, rollsBack, idempotency } = settings;
  const named =
    idempotency === undefined || kept === undefined ? undefined : await readRequest(idempotency, kept.received);
  const ended: { answer?: RouteAnswer<Value> } = {};
  const rollBack = new RolledBackAnswer();
  const body = async (): Promise<void> => {
    delete ended.answer;
    ended.answer = await handler();
    if (rollsBack(ended.answer.status)) throw rollBack;
  };
  const { rollbackOn, ...others } = transaction;
  const given: TransactionOptions = {
    ...others,
    ...(rollbackOn === undefined
      ? {}
      : { rollbackOn: (error: unknown): boolean => error === rollBack || rollbackOn(error) }),
  };
  const transact = <Result>(run: () => Promise<Result>, signal?: AbortSignal): Promise<Result> => {
    const begin = (): Promise<Result> => context.transaction(run, signal === undefined ? given : { ...given, signal });
    return clientName === undefined ? begin() : context.database.switchDb(begin, { clientName });
  };
  try {
    if (named === undefined || kept === undefined || idempotency === undefined) {
      await transact(body);
    } else {
      const keep = async (): Promise<string> => {
        await body();
        // There is one where the body has ended well.
        return writeAnswer(await kept.keep(ended.answer?.value as Value), idempotency.maxAnswerBytes);
      };
      const replayed = await runOnce(context, { settings, idempotency, named, transact, keep });
      if (replayed !== undefined) return await kept.replay(replayed);
    }
  } catch (error) {
    if (ended.answer === undefined || !isOver(error, rollBack)) throw error;
  }
  // There is one where the transaction has ended well.
  return ended.answer?.value as Value;
}

/** What is run once for a key. */
interface Once {
  readonly settings: RouteSettings;
  readonly idempotency: IdempotencySettings;
  readonly named: NamedRequest;
  readonly transact: <Result>(run: () => Promise<Result>, signal?: AbortSignal) => Promise<Result>;
  /** Runs the handler, and gives what is kept of its answer. */
  readonly keep: () => Promise<string>;
}

/** The answer of an earlier request; nothing where the handler has run for this one. */
async function runOnce(
  { database, signal }: RequestContext,
  { settings: { clientName, transaction }, idempotency, named, transact, keep }: Once,
): Promise<KeptAnswer | undefined> {
  const db = clientName === undefined ? database.current : database.getDb({ clientName });
  const { ttl, timeout } = idempotency;
  const { value, isReplayed } = await runIdempotent<KeptAnswer | undefined>({
    ...named,
    db,
    ttl,
    timeout,
    // The answer was measured before.
    maxAnswerBytes: Number.POSITIVE_INFINITY,
    signal,
    joins: db.transaction.active !== undefined && transaction.propagation !== 'REQUIRES_NEW',
    transact,
    handle: async () => ({ value: undefined, answer: await keep() }),
    read: readAnswer,
  });
  return isReplayed ? value : undefined;
}

/** An answer that rolls back is no error of the handler. */
class RolledBackAnswer extends Error {
  override readonly message = 'the status of the answer rolls back';
}

/** Whether the data is as the answer says, so that it may be sent; other failures are reported in the background. */
function isOver(error: unknown, rollBack: RolledBackAnswer): boolean {
  if (error === rollBack) {
    for (const each of suppressedBy(rollBack)) reportBackgroundError({ source: 'request', error: each });
    return true;
  }
  if (!(error instanceof AfterCommitError)) return false;
  // Its data is written: an error would have the client repeat it.
  reportBackgroundError({ source: 'request', error });
  return true;
}
