import { type ChainLink, type ErrorPlace, fieldOf, isError } from '../core/index.ts';
import { ConnectionLostError, TransactionControlError } from '../driver/index.ts';
import {
  AnswerLostError,
  CommitUnknownError,
  ScopeBlockedError,
  TransactionEndedError,
  UnexpectedRollbackError,
} from './errors.ts';

/** What the errors say of their transaction. */
export interface Subject {
  readonly name: string;
  readonly level: number;
  readonly client: { readonly name: string };
  chain(): readonly ChainLink[];
}

/** A transaction with its client and level, in words. */
export function named({ name, client, level }: Omit<Subject, 'chain'>): string {
  return `transaction "${name}" on client "${client.name}" at level ${level}`;
}

/** Where a transaction is. */
export function placeOf({ client, level }: Pick<Subject, 'client' | 'level'>): ErrorPlace {
  return { clientName: client.name, level };
}

/** @param isKept its body threw an error that `rollbackOn` let commit */
export function unexpectedRollback(subject: Subject, cause: unknown, isKept = false): UnexpectedRollbackError {
  const although = isKept ? 'rollbackOn let the error of its body commit' : 'its body returned normally';
  const because = cause === undefined ? '' : ', because something in it had failed';
  return new UnexpectedRollbackError({
    what: `The transaction "${subject.name}" was rolled back although ${although}${because}`,
    remedy:
      cause === undefined
        ? 'Look for setRollbackOnly(), or for a statement that failed in the server'
        : 'See the cause; to go on after a failure, run the part that may fail with propagation NESTED, or let its error pass',
    chain: subject.chain(),
    cause,
  });
}

/** @param cause of the loss of the connection, or of its being given up */
export function commitUnknown(subject: Subject, cause: unknown): CommitUnknownError {
  return new CommitUnknownError({
    what: `The connection was lost or given up while the transaction "${subject.name}" was committing: it may or may not be committed`,
    remedy: 'Before repeating it, check in the database whether its writes are there',
    chain: subject.chain(),
    cause,
  });
}

/** @param what was committed, in words */
export function answerLost(what: string, at: ErrorPlace, cause: unknown): AnswerLostError {
  return new AnswerLostError({
    what: `The connection was lost before the rows of the last statements of ${what} had come; the server says that it is committed`,
    remedy: 'Do not repeat it. Read what it was to return',
    at,
    cause,
  });
}

export function connectionLost(subject: Subject, cause: unknown): ConnectionLostError {
  return new ConnectionLostError({
    what: `The connection of the transaction "${subject.name}" was lost, so the server rolled it back`,
    remedy: 'Repeat the transaction. If it happens often, check the server, its timeouts and the network',
    chain: subject.chain(),
    cause,
    retryable: true,
  });
}

export function endedBehindOurBack(subject: Subject): TransactionControlError {
  return new TransactionControlError({
    what: `A statement ended the transaction "${subject.name}" on the server`,
    remedy: 'Leave COMMIT and ROLLBACK to transaction(), also inside of procedures',
    chain: subject.chain(),
  });
}

export function scopeBlocked(subject: Subject, timeout: number): ScopeBlockedError {
  return new ScopeBlockedError({
    what: `A statement or nested scope of transaction "${subject.name}" waited for an open nested scope, in which nothing happened for ${timeout} ms`,
    remedy:
      'Find the nested scope that awaits work of its parent (a shared promise, a batching loader): the parent waits until the scope has ended',
    chain: subject.chain(),
  });
}

/** The error for what comes after the server has given the whole transaction up. */
export function rolledBackByServer(subject: Subject, cause: unknown): TransactionEndedError {
  return new TransactionEndedError({
    what: `A statement was refused because the server has already rolled back the ${named(subject)}, for the error in the cause`,
    remedy: 'Rethrow that error and repeat the whole transaction, as the retry option does',
    chain: subject.chain(),
    cause,
  });
}

/** The error for what was taken back before its turn came. */
export function withdrawn({ transaction: name, ...at }: ChainLink): TransactionEndedError {
  return new TransactionEndedError({
    what: `A statement of transaction "${name}" was withdrawn by its library while it was queued; it was not run`,
    remedy:
      "Raise the library's timeout, or find what it waited for: another statement or a nested scope of the transaction",
    at,
  });
}

/** The error for what comes too late; its own stack says where that was issued. */
export function ended(subject: Subject, scope: string, cause: unknown): TransactionEndedError {
  const place = subject.chain().at(-1)?.openedAt;
  const begun = place === undefined ? '' : ` (begun at ${place})`;
  return new TransactionEndedError({
    what: `A statement or scope was started after the end of the scope "${scope}" of the ${named(subject)}${begun}; it was not run`,
    remedy:
      'Await everything that belongs to a transaction inside its body. For work that may outlive it, use REQUIRES_NEW or a commit hook',
    at: placeOf(subject),
    cause,
  });
}

/**
 * A server's error carries the stack of the socket that read it. This adds the stack of the call that sent
 * the statement, which V8 still knows where the callers have awaited it.
 */
export function withCaller(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const caller: { stack?: string } = {};
  Error.captureStackTrace(caller, withCaller);
  const lines = caller.stack?.split('\n').slice(1).join('\n') ?? '';
  error.stack = `${error.stack ?? error.message}\n    --- sent by ---\n${lines}`;
  return error;
}

/** Says what an error comes from, unless it says so itself. */
export function giveCause(error: unknown, cause: unknown): void {
  if (!isError(error) || error === cause || fieldOf(error, 'cause') !== undefined || !Object.isExtensible(error))
    return;
  Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true, enumerable: false });
}

/** The error for a statement outside of a transaction whose connection died. */
export function lostInAutocommit(at: ErrorPlace, cause: unknown): ConnectionLostError {
  return new ConnectionLostError({
    what: `The connection of client "${at.clientName}" was lost during a statement outside of a transaction`,
    remedy: 'A read can be repeated. Before repeating a write, check whether it took effect',
    cause,
    at,
  });
}

/** The same, where the server says that it has not taken effect. */
export function undoneInAutocommit(at: ErrorPlace, cause: unknown): ConnectionLostError {
  return new ConnectionLostError({
    what: `The connection of client "${at.clientName}" was lost during a statement outside of a transaction, which has not taken effect`,
    remedy: 'Repeat it',
    cause,
    at,
    retryable: true,
  });
}
