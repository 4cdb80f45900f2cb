import type { Context, MiddlewareHandler } from 'hono';
import { InvalidOptionError } from '../../core/index.ts';
import { holdBody, namedRoute, readRouteOptions, type RouteTransactionOptions, runRoute } from '../../http/index.ts';
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
export function transaction(options: Omit<RouteTransactionOptions, 'retry'> = {}): MiddlewareHandler {
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
      const answer = await runRoute(contextOf(c), handle, named);
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
