import { arrived, describeThrown, fieldOf, isInstance, SluiceError, travelling } from '../core/index.ts';
import { type RecordedFailure, SagaStepFailedError, SagaTimeoutError } from './errors.ts';

/** Names a saga in errors. */
export interface SagaName {
  readonly saga: string;
  readonly id: string;
}

/** What is stored of an error. */
interface StoredFailure extends RecordedFailure {
  /** The step that it came from. */
  readonly step?: string | undefined;
  /** The signal that did not come in time. */
  readonly signal?: string | undefined;
  readonly sluice?: unknown;
}

/** An error as JSON, without its stack. */
export function describeFailure(error: unknown): string {
  if (isInstance(error, SagaStepFailedError)) {
    return JSON.stringify({ ...error.failure, step: error.step } satisfies StoredFailure);
  }
  const signal = isInstance(error, SagaTimeoutError) ? error.signal : undefined;
  return JSON.stringify({ ...recordedFailure(error), signal, sluice: travelling(error) } satisfies StoredFailure);
}

/** What is recorded of an error. */
export function recordedFailure(error: unknown): RecordedFailure {
  const { name, message, code } = describeThrown(error);
  return { name, message, ...(code === undefined ? {} : { code }) };
}

/** What was thrown in a step or a body, as all who ask later get it. */
export function restoreFailure(json: string, name: SagaName): Error {
  const { step, signal, sluice, ...failure } = JSON.parse(json) as StoredFailure;
  if (step !== undefined) return stepFailed(name, step, failure, undefined);
  if (signal !== undefined) return noSignal(name, signal);
  return arrived(sluice) ?? Object.assign(new Error(failure.message), failure);
}

/** The error that a body gets of a step which has failed. */
export function stepFailed(
  { saga, id }: SagaName,
  step: string,
  failure: RecordedFailure,
  cause: unknown,
): SagaStepFailedError {
  return new SagaStepFailedError({
    what: `The step "${step}" of the saga "${saga}" has failed: ${failure.name}: ${failure.message.replace(/\.$/, '')}`,
    remedy: 'Catch it in the body to go on; otherwise the steps before it are compensated',
    cause,
    saga,
    id,
    step,
    failure,
  });
}

/** The error that a body gets whose signal has not come in time. */
export function noSignal({ saga, id }: SagaName, signal: string): SagaTimeoutError {
  return new SagaTimeoutError({
    what: `The saga "${saga}" got no signal "${signal}" in time`,
    remedy: 'Catch it in the body to go on; otherwise its steps are compensated',
    saga,
    id,
    signal,
  });
}

/** What servers say of transactions that others were in the way of. */
const inTheWay: ReadonlySet<unknown> = new Set([
  '40001',
  '40P01',
  'ER_CHECKREAD',
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
]);

/** Others were in the way of a transaction, which may be repeated. */
export function isInTheWay(error: unknown): boolean {
  return inTheWay.has(fieldOf(error, 'code'));
}

const passing: ReadonlySet<string> = new Set(['COMMIT_UNKNOWN', 'DATABASE_CLOSED']);

/** Another attempt may come to something else: the database was away, or closed here, or others were in the way. */
export function isPassing(error: unknown): boolean {
  const found = SluiceError.find(error);
  if (found !== undefined) return found.retryable || passing.has(found.code);
  return isInTheWay(error);
}

/** The database was closed: nothing will come of it any longer. */
export function isClosed(error: unknown): boolean {
  return SluiceError.find(error)?.code === 'DATABASE_CLOSED';
}
