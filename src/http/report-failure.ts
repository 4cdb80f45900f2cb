import { reportBackgroundError } from '../channels/index.ts';
import { aFunction, type Check, readOptions } from '../core/index.ts';
import { problemOf, type Problem } from './problem.ts';

/** Options of `problemHandler`. */
export interface ProblemHandlerOptions {
  /**
   * Called with each error that is answered with 500, whose client learns nothing about it. Default: it is published on the
   * channel `sluice:background:error`, or is a process warning where that has no subscriber.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

const checks: Record<keyof ProblemHandlerOptions, Check> = { onError: aFunction };

/**
 * For the error handler of a framework: what to answer, after the errors were reported that are answered with 500.
 * @throws InvalidOptionError
 */
export function problemReporter(options: ProblemHandlerOptions = {}): typeof problemOf {
  const { onError = reportInBackground } = readOptions('problemHandler', options, checks);
  return (error, request): Problem => {
    const problem = problemOf(error, request);
    if (problem.status === 500) onError(error);
    return problem;
  };
}

/** Publishes an error of a request that can have no other answer, on the channel `sluice:background:error`. */
export function reportInBackground(error: unknown): void {
  reportBackgroundError({ source: 'request', error });
}
