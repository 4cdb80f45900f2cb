import { reportBackgroundError } from '../channels/index.ts';
import { aFunction, type Check, readOptions } from '../core/index.ts';
import { type NodeRequest, problemOf, type Problem } from './problem.ts';

/** A request that was answered with 500. */
export interface FailedRequest {
  /** Such as `POST`. */
  readonly method: string;
  /** The pattern of its route, on Express that in its router; its path without the query where none was found. */
  readonly route: string;
}

/** Options of `problemHandler`. */
export interface ProblemHandlerOptions {
  /**
   * Called with each error that is answered with 500, whose client learns nothing about it. Default: `console.error` with the
   * method, the route and the error.
   */
  readonly onError?: ((error: unknown, request: FailedRequest) => void) | undefined;
}

const checks: Record<keyof ProblemHandlerOptions, Check> = { onError: aFunction };

/**
 * For the error handler of a framework: what to answer, after the errors were reported that are answered with 500.
 * @throws InvalidOptionError
 */
export function problemReporter(
  options: ProblemHandlerOptions = {},
): (error: unknown, request: NodeRequest | boolean | undefined, failed: FailedRequest) => Problem {
  const { onError = log } = readOptions('problemHandler', options, checks);
  return (error, request, failed): Problem => {
    const problem = problemOf(error, request);
    if (problem.status === 500) onError(error, failed);
    return problem;
  };
}

/** Each one, as Express and Hono do alone: the same error of another request is another failure. */
function log(error: unknown, { method, route }: FailedRequest): void {
  console.error(`${method} ${route} was answered with 500:`, error);
}

/** Publishes an error of a request that can have no other answer, on the channel `sluice:background:error`. */
export function reportInBackground(error: unknown): void {
  reportBackgroundError({ source: 'request', error });
}
