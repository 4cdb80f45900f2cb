import type { ErrorHandler } from 'hono';
import { type NodeRequest, ownStatusOf, type ProblemHandlerOptions, problemReporter } from '../../http/index.ts';

/**
 * A handler for `app.onError`: 503, 504, 400 or 401 for errors that have such a status, and 500 for all others, with nothing of what
 * is inside. An `HTTPException` gives its own answer.
 *
 * ```ts
 * import { Hono } from 'hono';
 * import { problemHandler } from 'sluice/hono';
 * new Hono().onError(problemHandler({ onError: (error) => console.error(error) }));
 * ```
 * @throws InvalidOptionError
 */
export function problemHandler(options: ProblemHandlerOptions = {}): ErrorHandler {
  const answerTo = problemReporter(options);
  return (error, c) => {
    if ('getResponse' in error) return error.getResponse();
    const own = ownStatusOf(error);
    const { status, headers, body } = answerTo(error, requestOf(c.env), {
      method: c.req.method,
      route: c.req.routePath,
    });
    const shown = own === undefined ? body : { title: body.title, status };
    return new Response(JSON.stringify(shown), { status, headers });
  };
}

/** On Node.js the bindings have the request of Node.js. */
function requestOf(bindings: unknown): NodeRequest | undefined {
  return ((bindings ?? {}) as { readonly incoming?: NodeRequest }).incoming;
}
