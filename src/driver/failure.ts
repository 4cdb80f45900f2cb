import { type ErrorDetails, SluiceError } from '../core/index.ts';

/**
 * What a failed statement means for the program.
 * `connectionLost`: there was no answer; every other kind is the server's answer.
 * `stalePlan`: what the server had prepared before no longer fits; it is prepared anew the next time.
 */
export type FailureKind =
  | 'statement'
  | 'serialization'
  | 'deadlock'
  | 'lockTimeout'
  | 'cancelled'
  | 'stalePlan'
  | 'uniqueViolation'
  | 'foreignKeyViolation'
  | 'checkViolation'
  | 'connectionLost';

/**
 * How far an exchange had come when its connection was lost.
 * `unsent`: nothing of it was written. `unanswered`: it was written, and nothing was heard. `uncommitted`: what was heard
 * proves that no COMMIT of it was carried out. `open`: whatever was not answered may have been carried out.
 */
export type Reach = 'unsent' | 'unanswered' | 'uncommitted' | 'open';

/** A step that failed. */
export interface Failure {
  /** What it means for the program. */
  readonly kind: FailureKind;
  /** What the caller gets: the driver's own error, so that libraries find what they expect in it. */
  readonly error: unknown;
  /** The server has rolled the whole transaction back, savepoints included, or it can only be. */
  readonly endsTransaction?: boolean | undefined;
  /** Of a lost connection; without it anything may have been carried out. */
  readonly reached?: Reach | undefined;
  /** The server was made read-only, or is being stopped: on a new connection, perhaps to another server, it may go well. */
  readonly elsewhere?: boolean | undefined;
}

/** Whether a COMMIT that was part of an exchange which was lost may have been carried out. */
export function mayHaveCommitted({ reached }: Failure): boolean {
  return reached !== 'unsent' && reached !== 'uncommitted';
}

/** No connection could be opened. */
export class ConnectError extends SluiceError {
  static override readonly code = 'CONNECT_FAILED';
  override readonly code = 'CONNECT_FAILED';
  /** Whether another attempt may soon succeed: the server has no room just now, is starting, or did not answer. */
  readonly transient: boolean;

  constructor(details: ErrorDetails & { readonly transient?: boolean }) {
    super({ ...details, retryable: details.transient === true });
    this.transient = details.transient === true;
  }
}

/** The table `sluice_commit` is not there, or its rights are missing. */
export class CommitTableError extends SluiceError {
  static override readonly code = 'COMMIT_TABLE';
  override readonly code = 'COMMIT_TABLE';
}

/** The connection died while it was in use. Its transaction, if it had one that was not committing, is rolled back by the server. */
export class ConnectionLostError extends SluiceError {
  static override readonly code = 'CONNECTION_LOST';
  override readonly code = 'CONNECTION_LOST';
}

/** The server no longer had a prepared statement, in the middle of a transaction, which is rolled back. */
export class PreparedStatementMissingError extends SluiceError {
  protected static override readonly isRetryable = true;
  static override readonly code = 'PREPARED_STATEMENT_MISSING';
  override readonly code = 'PREPARED_STATEMENT_MISSING';
}

/**
 * The rows of a statement came to more bytes than `maxResultBytes` of its client. Its connection was cut, so that the
 * transaction is rolled back; outside of one a statement that writes may have taken effect.
 */
export class ResultTooLargeError extends SluiceError {
  static override readonly code = 'RESULT_TOO_LARGE';
  override readonly code = 'RESULT_TOO_LARGE';
}

/** @param limit the `maxResultBytes` of the client */
export function resultTooLarge(limit: number): ResultTooLargeError {
  return new ResultTooLargeError({
    what: `A statement gave more than the ${limit} bytes of rows that "maxResultBytes" allows. Its connection was cut: a transaction is rolled back; outside of one a write may have taken effect`,
    remedy: 'Ask for fewer rows or columns, page by page with LIMIT or as a stream, or raise maxResultBytes',
  });
}

/** What a statement came to whose result is too large: nothing of its transaction is left. */
export function failureOfSize(error: ResultTooLargeError): Failure {
  return { kind: 'statement', error, endsTransaction: true };
}

/** A pooler in front of the server gave no connection in time. Most likely the waiting chains hold all of its connections. */
export class PoolerTimeoutError extends SluiceError {
  static override readonly code = 'POOLER_TIMEOUT';
  override readonly code = 'POOLER_TIMEOUT';
}

/** The server is one that cannot be used, or a session on it has settings with which it cannot be. */
export class UnsupportedServerError extends SluiceError {
  static override readonly code = 'UNSUPPORTED_SERVER';
  override readonly code = 'UNSUPPORTED_SERVER';
}

/** A statement would commit its transaction on the way, as DDL does on MySQL and MariaDB; it was not sent. */
export class ImplicitCommitError extends SluiceError {
  static override readonly code = 'IMPLICIT_COMMIT';
  override readonly code = 'IMPLICIT_COMMIT';
}

/** A statement would start or end a transaction behind the back of Sluice; it was not sent. */
export class TransactionControlError extends SluiceError {
  static override readonly code = 'TRANSACTION_CONTROL';
  override readonly code = 'TRANSACTION_CONTROL';
}
