import { type ErrorPlace, SluiceError, typeName } from '../core/index.ts';
import type { Exchange, Step } from './driver.ts';
import type { FailureKind } from './failure.ts';

/**
 * A driver answered an exchange with what no driver may answer, so that nothing is known of its steps. The cause of a
 * `ConnectionLostError` or `CommitUnknownError`: its connection is not used again.
 */
export class DriverAnswerError extends SluiceError {
  static override readonly code = 'DRIVER_ANSWER';
  override readonly code = 'DRIVER_ANSWER';
}

const kinds: Readonly<Record<FailureKind, true>> = {
  statement: true,
  serialization: true,
  deadlock: true,
  lockTimeout: true,
  cancelled: true,
  stalePlan: true,
  uniqueViolation: true,
  foreignKeyViolation: true,
  checkViolation: true,
  connectionLost: true,
};

/** Whether a driver may give the answer to these steps. */
export function isAnswer(answer: unknown, steps: readonly Step[]): answer is Exchange {
  return answerFault(answer, steps) === undefined;
}

/** The error for an answer that no driver may give. */
export function wrongAnswer(
  driver: string,
  answer: unknown,
  steps: readonly Step[],
  at: ErrorPlace,
): DriverAnswerError {
  return new DriverAnswerError({
    what: `The driver "${driver}" of client "${at.clientName}" answered ${steps.length} steps with ${answerFault(answer, steps) ?? 'nonsense'}`,
    remedy:
      'Mend run() of its connections: see "Rules for a driver" in docs/extending.md, and test it with driverSuite',
    at,
  });
}

/** What is wrong with an answer, without its values. Every statement passes here. */
function answerFault(answer: unknown, steps: readonly Step[]): string | undefined {
  if (answer === undefined || answer === null) return 'nothing instead of an exchange';
  if (typeof answer !== 'object') return `${typeName(answer)} instead of an exchange`;
  const { completed, results, failure, ended } = answer as Partial<Record<keyof Exchange, unknown>>;
  if (!isCount(completed, steps.length)) return `"completed" that is no number of steps from 0 to ${steps.length}`;
  if (!Array.isArray(results)) return '"results" that is no array';
  if (ended !== undefined && ended !== 'committed' && ended !== 'rolledBack')
    return '"ended" that is neither "committed", "rolledBack" nor undefined';
  if (failure !== undefined) return isFailure(failure) ? undefined : '"failure" without an "error" and a known "kind"';
  if (completed < steps.length) return `${completed} completed and no failure`;
  let statements = 0;
  for (const step of steps) if (step.type === 'statement') statements += 1;
  return results.length === statements ? undefined : `${results.length} results for ${statements} statements`;
}

function isCount(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;
}

function isFailure(failure: unknown): boolean {
  if (typeof failure !== 'object' || failure === null || !('error' in failure) || !('kind' in failure)) return false;
  return typeof failure.kind === 'string' && Object.hasOwn(kinds, failure.kind);
}
