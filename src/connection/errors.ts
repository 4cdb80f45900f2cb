import type { Ancestor } from '../context/index.ts';
import { type ErrorDetails, SluiceError } from '../core/index.ts';

/** The body returned normally, but the transaction (or savepoint) could only be rolled back; `cause` says why. */
export class UnexpectedRollbackError extends SluiceError {
  static override readonly code = 'UNEXPECTED_ROLLBACK';
  override readonly code = 'UNEXPECTED_ROLLBACK';
}

/** A statement or scope came after the end of the scope that it belongs to. */
export class TransactionEndedError extends SluiceError {
  static override readonly code = 'TRANSACTION_ENDED';
  override readonly code = 'TRANSACTION_ENDED';
}

/** A statement waited for a nested scope in which nothing happened for `acquireTimeout`: most likely they wait for each other. */
export class ScopeBlockedError extends SluiceError {
  static override readonly code = 'SCOPE_BLOCKED';
  override readonly code = 'SCOPE_BLOCKED';
}

/** The connection was lost during COMMIT. The transaction may be committed or rolled back. */
export class CommitUnknownError extends SluiceError {
  static override readonly code = 'COMMIT_UNKNOWN';
  override readonly code = 'COMMIT_UNKNOWN';
}

/** What was sent has taken effect, and the connection was lost before its rows had come. */
export class AnswerLostError extends SluiceError {
  static override readonly code = 'ANSWER_LOST';
  override readonly code = 'ANSWER_LOST';
}

/** The transaction took longer than its `timeout`; it was rolled back. */
export class TransactionTimeoutError extends SluiceError {
  static override readonly code = 'TRANSACTION_TIMEOUT';
  override readonly code = 'TRANSACTION_TIMEOUT';
}

/** The chain's deadline has passed, and its caller stops waiting. Open transactions are rolled back. */
export class DeadlineExceededError extends SluiceError {
  static override readonly code = 'DEADLINE_EXCEEDED';
  override readonly code = 'DEADLINE_EXCEEDED';
}

/** A statement waited for a lock that a transaction of its own chain holds, which waits for the statement. It was cancelled. */
export class ChainDeadlockError extends SluiceError {
  static override readonly code = 'CHAIN_DEADLOCK';
  override readonly code = 'CHAIN_DEADLOCK';
  /** The transaction that holds the lock. */
  readonly ancestor: Ancestor;
  /** The table that the lock is on, where the server tells. */
  readonly relation: string | undefined;
  /** The text of the statement that was cancelled, with `?` in place of what is written in it as a literal; at most 200 characters. */
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
