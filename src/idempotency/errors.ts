import { type ErrorPlace, SluiceError } from '../core/index.ts';

/** A key is missing, or is none: it is empty, too long, or holds what no key may. Nothing was done. */
export class IdempotencyKeyError extends SluiceError {
  static override readonly code = 'IDEMPOTENCY_KEY';
  override readonly code = 'IDEMPOTENCY_KEY';
}

/** A key came again with another request than the one that it was used for first. Nothing was done. */
export class IdempotencyConflictError extends SluiceError {
  static override readonly code = 'IDEMPOTENCY_CONFLICT';
  override readonly code = 'IDEMPOTENCY_CONFLICT';
}

/** Another call with the same key has not ended within `timeout`. Nothing was done, and later its answer may be there. */
export class IdempotencyInProgressError extends SluiceError {
  protected static override readonly isRetryable = true;
  static override readonly code = 'IDEMPOTENCY_IN_PROGRESS';
  override readonly code = 'IDEMPOTENCY_IN_PROGRESS';
}

/** An answer cannot be stored: it is larger than `maxAnswerBytes`, or no JSON. The transaction is rolled back. */
export class IdempotencyAnswerError extends SluiceError {
  static override readonly code = 'IDEMPOTENCY_ANSWER';
  override readonly code = 'IDEMPOTENCY_ANSWER';
}

/**
 * The connection was lost during COMMIT, and within `timeout` the key could not be looked up. The call may have taken effect;
 * made again with the same key, it does so once.
 */
export class IdempotencyUnknownError extends SluiceError {
  protected static override readonly isRetryable = true;
  static override readonly code = 'IDEMPOTENCY_UNKNOWN';
  override readonly code = 'IDEMPOTENCY_UNKNOWN';
}

/** The table of the keys is not there. */
export class IdempotencyTablesMissingError extends SluiceError {
  static override readonly code = 'IDEMPOTENCY_TABLES_MISSING';
  override readonly code = 'IDEMPOTENCY_TABLES_MISSING';
}

/** @param what is wrong with the key, without any of it */
export function noKey(what: string): IdempotencyKeyError {
  return new IdempotencyKeyError({
    what,
    remedy: 'Give each request a key of its own, such as a UUID: 1 to 255 characters, without control characters',
  });
}

export function conflict(scope: string, at: ErrorPlace): IdempotencyConflictError {
  return new IdempotencyConflictError({
    what: `A key was used again in "${scope}" for another request than its first one`,
    remedy: 'Send the same request with the same key, and another one with a key of its own',
    at,
  });
}

export function inProgress(scope: string, timeout: number, at: ErrorPlace): IdempotencyInProgressError {
  return new IdempotencyInProgressError({
    what: `Another call of "${scope}" with the same key has not ended within ${timeout} ms`,
    remedy: 'Make the call again later with the same key, or raise "timeout"',
    at,
  });
}

export function inProgressHere(scope: string, at: ErrorPlace): IdempotencyInProgressError {
  return new IdempotencyInProgressError({
    what: `A call of "${scope}" was made within a call with the same key, or at the same time as one in its transaction`,
    remedy: 'Give each call a key of its own, or await the first one before the next',
    at,
    retryable: false,
  });
}

export function waitsForItself(scope: string, at: ErrorPlace): IdempotencyInProgressError {
  return new IdempotencyInProgressError({
    what: `A call of "${scope}" with REQUIRES_NEW was made inside of the transaction that has its key, for whose end it would wait`,
    remedy: 'Give each call a key of its own, or make this one without REQUIRES_NEW, or after the commit',
    at,
    retryable: false,
  });
}

export function noAnswer(what: string, cause?: unknown): IdempotencyAnswerError {
  return new IdempotencyAnswerError({
    what,
    remedy:
      'Give plain objects, lists, text, numbers and booleans, and of what is large a reference; or raise "maxAnswerBytes"',
    cause,
  });
}

export function unknown(scope: string, at: ErrorPlace, cause: unknown): IdempotencyUnknownError {
  return new IdempotencyUnknownError({
    what: `The connection was lost during the COMMIT of a call of "${scope}", and its key could not be looked up`,
    remedy: 'Make the call again with the same key: it gets the answer, or takes effect then',
    at,
    cause,
  });
}
