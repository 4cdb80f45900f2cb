import type { Request } from 'express';
import { type Database, InvalidOptionError } from '../../index.ts';
import {
  createHttpContext,
  disconnectSignal,
  type HttpContextOptions,
  type RequestContext,
  responseClosed,
} from '../../http/index.ts';
import type { ContextHandler } from './handlers.ts';

const contexts = new WeakMap<object, RequestContext>();

/**
 * A middleware that gives each request its context: deadline, trace, tenant and level from its headers. Use it before all that
 * uses the database; headers that are refused go to the error handlers.
 *
 * ```ts
 * import express from 'express';
 * import { problemHandler, sluice, transactional } from 'sluice/express';
 * const app = express();
 * app.use(sluice(database, { timeout: 5_000 }));
 * app.post('/orders', transactional(async (_request, response) => {
 *   await checkout(id);
 *   response.status(201).json({ sold: true });
 * }));
 * app.use(problemHandler());
 * ```
 * @throws InvalidOptionError
 */
export function sluice(database: Database, options: HttpContextOptions<Request> = {}): ContextHandler {
  const http = createHttpContext<Request>(database, options);
  return (request, response, next) => {
    const received = { headers: request.headers, signal: disconnectSignal(response) };
    const run = async (context: RequestContext): Promise<void> => {
      contexts.set(request, context);
      // Before the handler, whose own listeners count: a held answer is awaited by them.
      const closed = responseClosed(response);
      next();
      // What still runs after the answer is no part of it.
      await closed;
    };
    http.run(request, received, run).catch(next);
  };
}

/**
 * The context of a request: its `signal`, and `transaction()` with it.
 *
 * ```ts
 * import express from 'express';
 * import { contextOf } from 'sluice/express';
 * express().get('/stock', async (request, response) => {
 *   response.json(await contextOf(request).transaction(() => readProduct(id)));
 * });
 * ```
 * @throws InvalidOptionError for a request that did not pass the middleware
 */
export function contextOf(request: object): RequestContext {
  const context = contexts.get(request);
  if (context !== undefined) return context;
  throw new InvalidOptionError({
    what: 'A request has no context of Sluice',
    remedy: 'Use the middleware before its route: app.use(sluice(database))',
  });
}
