import { reportBackgroundError } from '../channels/index.ts';
import { aFunction, anything, type Check, checkBody, integer, label, readOptions, text } from '../core/index.ts';
import { suppressedBy } from '../hooks/index.ts';
import { AfterCommitError, readTransactionOptions, type TransactionOptions } from '../transaction/index.ts';
import type { RequestContext } from './request-context.ts';

/** Options of a route's transaction. */
export interface RouteTransactionOptions extends Omit<TransactionOptions, 'signal'> {
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
}

/** What a handler came to. */
export interface RouteAnswer<Value> {
  /** The status of the answer. */
  readonly status: number;
  /** The answer, in whatever form the framework has it. */
  readonly value: Value;
}

const ownChecks: Record<'clientName' | 'rollbackOnStatus' | 'maxHeld', Check> = {
  clientName: text(200),
  rollbackOnStatus: aFunction,
  maxHeld: integer(0, 1024 * 1024 * 1024, 'bytes'),
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
}

/** Checks the options of a route when it is defined. @throws InvalidOptionError */
export function readRouteOptions(options: RouteTransactionOptions, owner: string): RouteSettings {
  const read = readOptions<RouteTransactionOptions>(owner, options, checks);
  const { clientName, rollbackOnStatus, maxHeld = 1024 * 1024, ...transaction } = read;
  return {
    transaction: readTransactionOptions(transaction),
    clientName,
    maxHeld,
    rollsBack: (status) => rollbackOnStatus?.(status) ?? status >= 400,
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

/** The same with options that were read before. */
export async function runRoute<Value>(
  context: RequestContext,
  handler: () => Promise<RouteAnswer<Value>>,
  { transaction, clientName, rollsBack }: RouteSettings,
): Promise<Value> {
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
  const run = (): Promise<void> => context.transaction(body, given);
  try {
    await (clientName === undefined ? run() : context.database.switchDb(run, { clientName }));
  } catch (error) {
    if (ended.answer === undefined || !isOver(error, rollBack)) throw error;
  }
  // There is one where the transaction has ended well.
  return ended.answer?.value as Value;
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
