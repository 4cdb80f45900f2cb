import { type ErrorDetails, SluiceError } from '../core/index.ts';

/** `MANDATORY` was asked for where no transaction is open. */
export class TransactionRequiredError extends SluiceError {
  static override readonly code = 'TRANSACTION_REQUIRED';
  override readonly code = 'TRANSACTION_REQUIRED';
}

/** `NEVER` was asked for where a transaction is open. */
export class TransactionNotAllowedError extends SluiceError {
  static override readonly code = 'TRANSACTION_NOT_ALLOWED';
  override readonly code = 'TRANSACTION_NOT_ALLOWED';
}

/** A scope wants to join a transaction that does not give what it asks for. */
export class IncompatibleTransactionError extends SluiceError {
  static override readonly code = 'INCOMPATIBLE_TRANSACTION';
  override readonly code = 'INCOMPATIBLE_TRANSACTION';
}

/** A body returned what runs only after its end, outside of its transaction: a stream, a generator, an Observable. It is rolled back. */
export class DeferredResultError extends SluiceError {
  static override readonly code = 'DEFERRED_RESULT';
  override readonly code = 'DEFERRED_RESULT';
}

/** A transaction that was begun by hand in a scope was still open when the body of that had ended; it is rolled back. */
export class TransactionLeftOpenError extends SluiceError {
  static override readonly code = 'TRANSACTION_LEFT_OPEN';
  override readonly code = 'TRANSACTION_LEFT_OPEN';
}

/** The transaction is committed, and one or more of its commit hooks threw. */
export class AfterCommitError extends SluiceError {
  static override readonly code = 'AFTER_COMMIT';
  override readonly code = 'AFTER_COMMIT';
  /** Always true: what was written stays written. */
  readonly committed = true as const;
  /** What the body returned. */
  readonly result: unknown;
  /** What the hooks threw, in the order of their registration. */
  readonly errors: readonly unknown[];

  constructor(details: ErrorDetails & { readonly result: unknown; readonly errors: readonly unknown[] }) {
    super(details);
    // The result may hold anything, so it stays out of what loggers print.
    Object.defineProperty(this, 'result', { value: details.result, enumerable: false, configurable: true });
    this.errors = details.errors;
  }
}
