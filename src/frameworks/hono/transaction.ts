import type { Context, MiddlewareHandler } from 'hono';
import type { StatusCode } from 'hono/utils/http-status';
import { InvalidOptionError } from '../../core/index.ts';
import {
  holdBody,
  keptHeaders,
  type KeptRoute,
  namedRoute,
  readRouteOptions,
  replayedHeader,
  type RouteTransactionOptions,
  runRoute,
} from '../../http/index.ts';
import { contextOf } from './request-context.ts';

/**
 * A middleware of a route that runs what comes after it in a transaction, which commits before the answer goes out. An error
 * (also one that `app.onError` has answered), an answer with a status from 400, and the client's disconnect roll it back. A COMMIT
 * that fails goes to `app.onError`.
 *
 * ```ts
 * import { Hono } from 'hono';
 * import { sluice, transaction } from 'sluice/hono';
 * const app = new Hono().use(sluice(database));
 * app.post('/orders', transaction({ isolationLevel: 'SERIALIZABLE' }), async (c) => {
 *   await checkout(id);
 *   return c.json({ sold: true }, 201);
 * });
 * ```
 * @throws InvalidOptionError; also for `retry`, since Hono runs a handler once for a request
 */
export function transaction(options: Omit<RouteTransactionOptions<Context>, 'retry'> = {}): MiddlewareHandler {
  const settings = readRouteOptions(options, 'transaction');
  if (settings.transaction.retry !== undefined) throw retried();
  return async (c, next) => {
    const named = namedRoute(settings, c.req.method, c.req.routePath);
    const ending = new AbortController();
    const handle = async (): Promise<{ status: number; value: Response }> => {
      await next();
      // What was thrown below has been answered there.
      if (c.error !== undefined) throw c.error;
      const value = await holdBody(c.res, settings.maxHeld, ending.signal);
      return { status: value.status, value };
    };
    try {
      const kept = named.idempotency === undefined ? undefined : keptRoute(c);
      const answer = await runRoute(contextOf(c), handle, named, kept);
      replace(c, answer);
    } catch (error) {
      ending.abort(error);
      // The answer to it is there.
      if (c.error !== undefined && c.error === error) return;
      // Otherwise the headers of the answer that does not go out would be in the one that does.
      replace(c, undefined);
      throw error;
    }
  };
}

/** A handler may read its body after the route has. */
function keptRoute(c: Context): KeptRoute<Response> {
  const { method, raw, routePath } = c.req;
  const { pathname, search } = new URL(raw.url);
  // What middlewares have set until now, and set for each request.
  const before = Object.fromEntries(c.newResponse(null).headers);
  return {
    received: {
      request: c,
      method,
      headers: raw.headers,
      route: routePath,
      url: `${pathname}${search}`,
      body: async () => new Uint8Array(await c.req.arrayBuffer()),
    },
    keep: async (response) => ({
      status: response.status,
      headers: keptHeaders(response.headers, before),
      body: Buffer.from(await response.clone().arrayBuffer()),
    }),
    replay({ status, headers, body }) {
      const all = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat()]));
      const given = { ...all, [replayedHeader]: ['true'] };
      return c.newResponse(hasBody(status) ? body : null, status as StatusCode, given);
    },
  };
}

/** A `Response` with these has none. */
function hasBody(status: number): boolean {
  return status !== 204 && status !== 205 && status !== 304;
}

/** Hono adds the headers of the answer before to one that takes its place. */
function replace(c: Context, answer: Response | undefined): void {
  c.res = undefined;
  if (answer !== undefined) c.res = answer;
}

function retried(): InvalidOptionError {
  return new InvalidOptionError({
    what: 'transaction() got the option "retry", and Hono runs the handler of a request once',
    remedy: 'Leave it out, and give it to database.transaction() in the handler',
  });
}
