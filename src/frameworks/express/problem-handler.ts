import type { Request } from 'express';
import { ownStatusOf, type ProblemHandlerOptions, problemReporter } from '../../http/index.ts';
import type { ProblemHandler } from './handlers.ts';

/**
 * An error-handling middleware, to be used after all routes: 503, 504, 400 or 401 for errors that have such a status, and 500 for
 * all others, with nothing of what is inside. Errors with a status of their own, such as those of `http-errors`, are passed on.
 *
 * ```ts
 * import express from 'express';
 * import { problemHandler } from 'sluice/express';
 * express().use(problemHandler({ onError: (error) => console.error(error) }));
 * ```
 * @throws InvalidOptionError
 */
export function problemHandler(options: ProblemHandlerOptions = {}): ProblemHandler {
  const answerTo = problemReporter(options);
  return (error: unknown, request, response, next) => {
    if (response.headersSent || ownStatusOf(error) !== undefined) {
      next(error);
      return;
    }
    const { status, headers, body } = answerTo(error, request, { method: request.method, route: routeOf(request) });
    // The client has gone: there is nothing to answer.
    if (response.destroyed) return;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.status(status).end(JSON.stringify(body));
  };
}

/** Express forgets the path of the router on the way to a handler of errors outside of it. */
function routeOf({ path, route }: Request): string {
  const { path: pattern } = (route ?? {}) as { readonly path?: unknown };
  return typeof pattern === 'string' ? pattern : path;
}
