import { type ErrorDetails, SluiceError } from '../core/index.ts';

/** The tables of sagas are not there. */
export class SagaTablesMissingError extends SluiceError {
  static override readonly code = 'SAGA_TABLES_MISSING';
  override readonly code = 'SAGA_TABLES_MISSING';
}

/** Details of an error about one saga. */
export interface SagaErrorDetails extends ErrorDetails {
  /** The name of the definition. */
  readonly saga: string;
  /** The id of the saga. */
  readonly id: string;
}

/** An error about one saga. */
abstract class OneSagaError extends SluiceError {
  /** The name of the definition. */
  readonly saga: string;
  /** The id of the saga. */
  readonly id: string;

  constructor(details: SagaErrorDetails) {
    super(details);
    this.saga = details.saga;
    this.id = details.id;
  }
}

/** The body of a saga has thrown, which is the `cause`; all of its steps are compensated. */
export class SagaFailedError extends OneSagaError {
  static override readonly code = 'SAGA_FAILED';
  override readonly code = 'SAGA_FAILED';
  /** The step whose failure the body has thrown; nothing where it has thrown something else. */
  readonly step: string | undefined;

  constructor(details: SagaErrorDetails & { readonly step?: string | undefined }) {
    super(details);
    this.step = details.step;
  }
}

/** The saga was cancelled; all of its steps are compensated. */
export class SagaCancelledError extends OneSagaError {
  static override readonly code = 'SAGA_CANCELLED';
  override readonly code = 'SAGA_CANCELLED';
}

/** A compensation has failed too often, or the definition has changed: it goes on when that is mended and it is resumed. */
export class SagaStuckError extends OneSagaError {
  static override readonly code = 'SAGA_STUCK';
  override readonly code = 'SAGA_STUCK';
}

/** A saga that goes on asked for something else than what it has recorded: its definition has changed, or is not deterministic. */
export class SagaMismatchError extends OneSagaError {
  static override readonly code = 'SAGA_MISMATCH';
  override readonly code = 'SAGA_MISMATCH';
}

/** The body of a saga did something that cannot be recorded: a step twice, inside of another one, without `await`, or outside of its saga. */
export class SagaStepError extends OneSagaError {
  static override readonly code = 'SAGA_STEP';
  override readonly code = 'SAGA_STEP';
}

/** What a thrown error was, as it is recorded. */
export interface RecordedFailure {
  /** The name of the error. */
  readonly name: string;
  /** Its message. */
  readonly message: string;
  /** Its code, if it had one. */
  readonly code?: string | undefined;
}

/**
 * A step has failed for good. The body gets it the same way when it is run again: `failure` says what was thrown; the error
 * itself is the `cause` only in the process in which the step ran.
 */
export class SagaStepFailedError extends OneSagaError {
  static override readonly code = 'SAGA_STEP_FAILED';
  override readonly code = 'SAGA_STEP_FAILED';
  /** The name of the step. */
  readonly step: string;
  /** What was thrown. */
  readonly failure: RecordedFailure;

  constructor(details: SagaErrorDetails & { readonly step: string; readonly failure: RecordedFailure }) {
    super(details);
    this.step = details.step;
    this.failure = details.failure;
  }
}

/** A signal has not come in time, or a saga has not ended in the time for which its result is waited for. */
export class SagaTimeoutError extends OneSagaError {
  static override readonly code = 'SAGA_TIMEOUT';
  override readonly code = 'SAGA_TIMEOUT';
  /** The signal that did not come; nothing where the result was waited for. */
  readonly signal: string | undefined;

  constructor(details: SagaErrorDetails & { readonly signal?: string | undefined }) {
    super(details);
    this.signal = details.signal;
  }
}

/** There is no saga with this id. */
export class SagaNotFoundError extends OneSagaError {
  static override readonly code = 'SAGA_NOT_FOUND';
  override readonly code = 'SAGA_NOT_FOUND';
}

/** The saga has ended, and takes no signal. */
export class SagaFinishedError extends OneSagaError {
  static override readonly code = 'SAGA_FINISHED';
  override readonly code = 'SAGA_FINISHED';
}

/** The id belongs to a saga with another input. */
export class SagaConflictError extends OneSagaError {
  static override readonly code = 'SAGA_CONFLICT';
  override readonly code = 'SAGA_CONFLICT';
}

/** A saga was to be waited for in a transaction, which it outlives. */
export class SagaInTransactionError extends SluiceError {
  static override readonly code = 'SAGA_IN_TRANSACTION';
  override readonly code = 'SAGA_IN_TRANSACTION';
}

/** What waited for a saga was closed; the saga itself goes on elsewhere, or later. */
export class SagasStoppedError extends SluiceError {
  static override readonly code = 'SAGAS_STOPPED';
  override readonly code = 'SAGAS_STOPPED';
}
