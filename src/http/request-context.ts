import { contextChecks, currentFrame, type Frame, runInFrame, withContext } from '../context/index.ts';
import { aFunction, type Check, checkBody, milliseconds, readOptions } from '../core/index.ts';
import { checkDatabase, createContextCarrier, type Database } from '../database/index.ts';
import {
  type ContextCarrierOptions,
  contextCarrierChecks,
  type HeaderCarrier,
  invalidContext,
  readHeader,
  testHeader,
  testOf,
  warnOfMissingSecret,
} from '../envelope/index.ts';
import type { TransactionOptions } from '../transaction/index.ts';
import { checkHeaders } from './request-headers.ts';

/** Options of `createHttpContext`: what is taken from a request, and what the server allows it. */
export interface HttpContextOptions<Request = unknown> extends ContextCarrierOptions {
  /** The time that each request has from its arrival, in milliseconds. An earlier deadline of the caller wins. Default: none. */
  readonly timeout?: number | undefined;
  /** On whose behalf a request is made. What it returns wins over the caller's own word. Default: what a signed context says. */
  readonly tenant?: ((request: Request) => string | undefined) | undefined;
}

/** What came in. */
export interface ReceivedRequest {
  /** The headers of the request: `request.headers` of Node.js, or a web `Headers`. */
  readonly headers: HeaderCarrier;
  /** Aborted when the client goes away: see `disconnectSignal`. */
  readonly signal: AbortSignal;
}

/** A request as Sluice knows it. */
export interface RequestContext {
  /** The database that the server was set up with. */
  readonly database: Database;
  /** Aborted with a `ClientDisconnectedError` when the client goes away before it has its answer. */
  readonly signal: AbortSignal;
  /**
   * Runs `body` in a transaction of the current client that ends when the client of the request goes away; otherwise as
   * `database.transaction`.
   * @throws ClientDisconnectedError; what `database.transaction` throws
   */
  transaction<Result>(body: () => Result | PromiseLike<Result>, options?: TransactionOptions): Promise<Result>;
  /**
   * Runs `body` in the context of the request, for callbacks that come without any: of an event emitter, or of a parser of
   * uploads.
   */
  run<Result>(body: () => Result): Result;
}

/** Enters the context of requests. */
export interface HttpContext<Request = unknown> {
  /**
   * Runs `body` at once in the context that the headers of a request bring: its deadline, trace, tenant, level. Whatever is
   * wrong with them is a rejection, for which `httpStatusOf` has a status. A body that returns no promise, as the `next()` of a
   * middleware, goes on.
   * @throws InvalidContextError for headers that are refused; DeadlineExceededError for a request whose time is over
   */
  run<Result>(
    request: Request,
    received: ReceivedRequest,
    body: (context: RequestContext) => Result | PromiseLike<Result>,
  ): Promise<Result>;
}

/** The checks of the options. */
export const httpContextChecks: Record<keyof HttpContextOptions, Check> = {
  ...contextCarrierChecks,
  timeout: milliseconds(1),
  tenant: aFunction,
};

/**
 * Reads the context of requests from their headers, for a server of any framework.
 *
 * ```ts
 * import { createServer } from 'node:http';
 * const contexts = createHttpContext(database, { secret: process.env.SLUICE_SECRET, timeout: 5_000 });
 * const server = createServer((request, response) => {
 *   const received = { headers: request.headers, signal: disconnectSignal(response) };
 *   contexts.run(request, received, (context) => context.transaction(() => checkout(id))).then(
 *     () => response.end(),
 *     (error: unknown) => {
 *       const { status, headers, body } = problemOf(error);
 *       response.writeHead(status, headers).end(JSON.stringify(body));
 *     },
 *   );
 * });
 * ```
 * @throws InvalidOptionError
 */
export function createHttpContext<Request = unknown>(
  database: Database,
  options: HttpContextOptions<Request> = {},
): HttpContext<Request> {
  checkDatabase('createHttpContext', database);
  const read = readOptions('createHttpContext', options, httpContextChecks);
  warnOfMissingSecret('createHttpContext', { given: options, read });
  const { timeout, tenant, ...carried } = read;
  const carrier = createContextCarrier(database, carried);
  const { secret } = carried;
  const enter = <Result>(request: Request, signal: AbortSignal, body: (context: RequestContext) => Result): Result => {
    const found = tenant?.(request);
    if (found !== undefined) checkTenant(found);
    const values = { ...(timeout === undefined ? {} : { timeout }), ...(found === undefined ? {} : { tenant: found }) };
    return withContext(values, () => body(requestContext(database, signal, currentFrame())));
  };
  return {
    async run(request, { headers, signal }, body) {
      checkBody('run', body);
      const known = enteredOf(request, database, secret);
      if (known !== undefined) return await known.run(() => enter(request, signal, body));
      checkHeaders(headers, secret !== undefined);
      const test = testOf(readHeader(headers, testHeader));
      return await carrier.runWithContext(headers, () =>
        enter(request, signal, (context) => {
          noteEntered(request, secret, context);
          if (test === undefined) return body(context);
          const begin = (): ReturnType<typeof body> => body(requestContext(database, signal, currentFrame()));
          return test.enter(currentFrame()?.chain, begin);
        }),
      );
    },
  };
}

/** A request whose headers were read. */
interface Entered {
  readonly context: RequestContext;
  readonly secret: Secret;
}
type Secret = ContextCarrierOptions['secret'];
const entered = new WeakMap<object, Entered>();

/** A middleware may stand before a request twice: for a router in another. A signed context can be read only once. */
function enteredOf(request: unknown, database: Database, secret: Secret): RequestContext | undefined {
  const known = typeof request === 'object' && request !== null ? entered.get(request) : undefined;
  return known?.context.database === database && String(known.secret) === String(secret) ? known.context : undefined;
}

function noteEntered(request: unknown, secret: Secret, context: RequestContext): void {
  if (typeof request === 'object' && request !== null) entered.set(request, { context, secret });
}

function requestContext(database: Database, signal: AbortSignal, frame: Frame | undefined): RequestContext {
  return {
    database,
    signal,
    transaction: (body, options = {}) =>
      database.transaction(body, {
        ...options,
        signal: options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]),
      }),
    run: (body) => runInFrame(frame, body, undefined),
  };
}

/** @throws InvalidContextError, since it was found in the request */
function checkTenant(tenant: unknown): void {
  const expected = contextChecks.tenant(tenant);
  if (expected !== undefined) throw invalidContext(`the tenant that was found for the request is not ${expected}`);
}
