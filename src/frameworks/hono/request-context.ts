import type { Context, MiddlewareHandler } from 'hono';
import { type Database, InvalidOptionError } from '../../index.ts';
import {
  createHttpContext,
  disconnectSignal,
  disconnectSignalOf,
  type HttpContextOptions,
  type NodeResponse,
  type RequestContext,
} from '../../http/index.ts';

declare module 'hono' {
  interface ContextVariableMap {
    /** The context of the request: its `signal`, and `transaction()` with it. */
    sluice: RequestContext;
  }
}

/**
 * A middleware that gives each request its context: deadline, trace, tenant and level from its headers, and the client's
 * disconnect as a signal. `c.get('sluice')` is the context. Headers that are refused go to `app.onError`.
 *
 * ```ts
 * import { Hono } from 'hono';
 * import { problemHandler, sluice, transaction } from 'sluice/hono';
 * const app = new Hono().use(sluice(database, { timeout: 5_000 }));
 * app.post('/orders', transaction(), async (c) => {
 *   await checkout(id);
 *   return c.json({ sold: true }, 201);
 * });
 * app.onError(problemHandler());
 * ```
 * @throws InvalidOptionError
 */
export function sluice(database: Database, options: HttpContextOptions<Context> = {}): MiddlewareHandler {
  const contexts = createHttpContext<Context>(database, options);
  return async (c, next) => {
    const { headers } = c.req.raw;
    await contexts.run(c, { headers, signal: signalOf(c) }, async (context) => {
      c.set('sluice', context);
      await next();
    });
  };
}

/** On Node.js the bindings have its response, which knows of disconnects that the signal of the request does not tell. */
function signalOf(c: Context): AbortSignal {
  const { outgoing } = ((c.env as unknown) ?? {}) as { readonly outgoing?: NodeResponse };
  return outgoing === undefined ? disconnectSignalOf(c.req.raw.signal) : disconnectSignal(outgoing);
}

/** The context of a request. @throws InvalidOptionError for a request that did not pass the middleware */
export function contextOf(c: Context): RequestContext {
  const context: unknown = c.get('sluice');
  if (context !== undefined) return context as RequestContext;
  throw new InvalidOptionError({
    what: 'A request has no context of Sluice',
    remedy: 'Use the middleware before its route: app.use(sluice(database))',
  });
}
