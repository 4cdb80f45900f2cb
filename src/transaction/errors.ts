import type { Ancestor } from '../context/index.ts';
import { type ErrorDetails, SluiceError } from '../core/index.ts';

/** `MANDATORY` was asked for where no transaction is open. */
export class TransactionRequiredError extends SluiceError {
  override readonly code = 'TRANSACTION_REQUIRED';
}

/** `NEVER` was asked for where a transaction is open. */
export class TransactionNotAllowedError extends SluiceError {
  override readonly code = 'TRANSACTION_NOT_ALLOWED';
}

/** A scope wants to join a transaction that does not give what it asks for. */
export class IncompatibleTransactionError extends SluiceError {
  override readonly code = 'INCOMPATIBLE_TRANSACTION';
}

/** The body returned normally, but the transaction (or savepoint) could only be rolled back; `cause` says why. */
export class UnexpectedRollbackError extends SluiceError {
  override readonly code = 'UNEXPECTED_ROLLBACK';
}

/** A statement or scope came after the end of the scope that it belongs to. */
export class TransactionEndedError extends SluiceError {
  override readonly code = 'TRANSACTION_ENDED';
}

/** A statement waited for a nested scope in which nothing happened for `acquireTimeout`: most likely they wait for each other. */
export class ScopeBlockedError extends SluiceError {
  override readonly code = 'SCOPE_BLOCKED';
}

/** The connection was lost while COMMIT was under way: nobody here knows whether the data is there. */
export class CommitUnknownError extends SluiceError {
  override readonly code = 'COMMIT_UNKNOWN';
}

/** The transaction took longer than its `timeout`; it was rolled back. */
export class TransactionTimeoutError extends SluiceError {
  override readonly code = 'TRANSACTION_TIMEOUT';
}

/** The chain's deadline has passed: whoever waits for it has given up or is about to. What was open is rolled back. */
export class DeadlineExceededError extends SluiceError {
  override readonly code = 'DEADLINE_EXCEEDED';
}

/** A statement waited for a lock that a transaction of its own chain holds, which waits for the statement. It was cancelled. */
export class ChainDeadlockError extends SluiceError {
  override readonly code = 'CHAIN_DEADLOCK';
  /** The transaction that holds the lock. */
  readonly ancestor: Ancestor;
  /** The table that the lock is on, where the server tells. */
  readonly relation: string | undefined;
  /** The text of the statement that was cancelled, without its values; at most 200 characters. */
  readonly query: string;

  constructor(
    details: ErrorDetails & {
      readonly ancestor: Ancestor;
      readonly relation: string | undefined;
      readonly query: string;
    },
  ) {
    super(details);
    this.ancestor = details.ancestor;
    this.relation = details.relation;
    this.query = details.query;
  }
}

/** A body returned what runs only after its end, outside of its transaction: a stream, a generator, an Observable. It is rolled back. */
export class DeferredResultError extends SluiceError {
  override readonly code = 'DEFERRED_RESULT';
}

/** A transaction that was begun by hand in a scope was still open when the body of that had ended; it is rolled back. */
export class TransactionLeftOpenError extends SluiceError {
  override readonly code = 'TRANSACTION_LEFT_OPEN';
}

/** Hooks kept registering hooks; those beyond the limit were not run. */
export class HookLimitError extends SluiceError {
  override readonly code = 'HOOK_LIMIT';
}

/** The transaction is committed, and one or more of its commit hooks threw. */
export class AfterCommitError extends SluiceError {
  override readonly code = 'AFTER_COMMIT';
  /** Always true: what was written stays written. */
  readonly committed = true as const;
  /** What the body returned. */
  readonly result: unknown;
  readonly errors: readonly unknown[];

  constructor(details: ErrorDetails & { readonly result: unknown; readonly errors: readonly unknown[] }) {
    super(details);
    // The result may hold anything, so it stays out of what loggers print.
    Object.defineProperty(this, 'result', { value: details.result, enumerable: false, configurable: true });
    this.errors = details.errors;
  }
}
