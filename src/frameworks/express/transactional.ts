import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { checkBody } from '../../core/index.ts';
import {
  type HeldRequest,
  type HeldResponse,
  namedRoute,
  type RequestContext,
  readRouteOptions,
  reportInBackground,
  type RouteSettings,
  type RouteTransactionOptions,
  runHeld,
} from '../../http/index.ts';
import { contextOf } from './request-context.ts';

/** What a handler gave to `next`. */
type Passed = { args: unknown[] } | undefined;

/**
 * Wraps a handler so that it runs in a transaction, which commits before the answer goes out. An error, an answer with a status
 * from 400, and the client's disconnect roll it back; a COMMIT that fails goes to the error handlers, as any error does.
 * A handler that passes the request on with `next()` is committed first: what comes after it is outside.
 *
 * ```ts
 * import express from 'express';
 * import { sluice, transactional } from 'sluice/express';
 * const app = express().use(sluice(database));
 * app.post('/orders', transactional(async (_request, response) => {
 *   await checkout(id);
 *   response.status(201).json({ sold: true });
 * }, { isolationLevel: 'SERIALIZABLE', retry: { attempts: 3 } }));
 * ```
 * @throws InvalidOptionError
 */
export function transactional<
  // Where a route is written around the call, nothing else says what its handler gets.
  Params = Request['params'],
  Sent = unknown,
  Body = Request['body'],
  Query = Request['query'],
  Locals extends Record<string, unknown> = Record<string, unknown>,
>(
  handler: RequestHandler<Params, Sent, Body, Query, Locals>,
  options: RouteTransactionOptions<Request> = {},
): RequestHandler<Params, Sent, Body, Query, Locals> {
  checkBody('transactional', handler);
  const settings = readRouteOptions(options, 'transactional');
  return (request, response, next) => {
    const context = contextOf(request);
    const call = (pass: NextFunction): unknown => handler(request, response, pass);
    const named = namedRoute(settings, request.method, (request.route as { path?: unknown } | undefined)?.path);
    context
      .run(() => runHandler(context, response as Response, call, named, requestOf(request as Request)))
      .then(
        (passed) => {
          if (passed !== undefined) (next as (...args: unknown[]) => void)(...passed.args);
        },
        (error: unknown) => next(error),
      );
  };
}

async function runHandler(
  context: RequestContext,
  response: Response,
  call: (pass: NextFunction) => unknown,
  settings: RouteSettings,
  received: HeldRequest,
): Promise<Passed> {
  let passed: Passed;
  const handle = async (held: HeldResponse): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let failure: { readonly error: unknown } | undefined;
    let isOver = false;
    const pass = (...args: unknown[]): void => {
      const [error] = args;
      if (error === undefined || error === null || error === 'route' || error === 'router') passed = { args };
      else if (isOver) reportInBackground(error);
      else failure ??= { error };
      resolve();
    };
    passed = undefined;
    await Promise.race([call(pass as NextFunction), promise]);
    await Promise.race([held.ended, promise]);
    isOver = true;
    // Also one that was given to next() after an answer.
    if (failure !== undefined) throw failure.error;
  };
  await runHeld(context, response, handle, settings, received);
  return passed;
}

function requestOf(request: Request): HeldRequest {
  const { method, headers, baseUrl, originalUrl } = request;
  const { path } = (request.route ?? {}) as { readonly path?: unknown };
  return { request, method, headers, route: `${baseUrl}${String(path)}`, url: originalUrl, body: () => request.body };
}
