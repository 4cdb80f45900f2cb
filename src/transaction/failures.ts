import { named, type Outcome, type Subject, TransactionTimeoutError } from '../connection/index.ts';
import { fieldOf } from '../core/index.ts';
import { AfterCommitError, TransactionLeftOpenError } from './errors.ts';

const outcomes: Readonly<Record<Outcome, string>> = {
  committed: 'it is committed',
  rolledBack: 'it is rolled back',
  unknown: 'its outcome is unknown',
};

/** The error for a call that was ended from outside when its last statement had committed already. */
export function cutShort(subject: Subject, errors: readonly unknown[]): AfterCommitError {
  return new AfterCommitError({
    what: `The ${named(subject)} is committed, but its call was ended before its body had returned`,
    remedy: 'See "errors" for what ended it. Do not repeat the transaction: its data is written',
    chain: subject.chain(),
    cause: errors[0],
    result: undefined,
    errors,
  });
}

/** The error for a body that threw when its last statement had committed already. */
export function threwAfterCommit(subject: Subject, errors: readonly unknown[]): AfterCommitError {
  return new AfterCommitError({
    what: `The ${named(subject)} is committed with its last statement, but its body threw after that`,
    remedy: 'See the cause for what it threw. Do not repeat the transaction: its data is written',
    chain: subject.chain(),
    cause: errors[0],
    result: undefined,
    errors,
  });
}

/** Says what had become of the transaction by then, as far as it is known. */
export function timedOut(
  subject: Subject & { readonly isCommitting: boolean; readonly outcome: Outcome | undefined },
  timeout: number,
): TransactionTimeoutError {
  const end = subject.isCommitting ? ', which ended in its COMMIT' : ' and was rolled back';
  return new TransactionTimeoutError({
    what:
      subject.outcome === undefined
        ? `The transaction "${subject.name}" took longer than its timeout of ${timeout} ms${end}`
        : `The hooks of the transaction "${subject.name}" (${outcomes[subject.outcome]}) took longer than its timeout of ${timeout} ms; they are no longer waited for`,
    remedy: 'Make it shorter, or give a longer timeout',
    chain: subject.chain(),
  });
}

/** The error for a transaction that was begun by hand in a scope, which has ended first. @param place where it was begun */
export function leftOpen(subject: Subject, scope: string, place: string | undefined): TransactionLeftOpenError {
  const begun = place === undefined ? '' : ` (at ${place})`;
  return new TransactionLeftOpenError({
    what: `A transaction that was begun by hand${begun} was still open when the body of the scope "${scope}" of the ${named(subject)} had ended; it was rolled back`,
    remedy: "Commit or roll it back before the body ends, or use the library's transaction function that takes a body",
    chain: subject.chain(),
  });
}

/** Whether an error is another one, or has it for a cause. */
export function stemsFrom(error: unknown, origin: unknown): boolean {
  for (let at = error, depth = 0; depth < 10; depth += 1) {
    if (at === origin) return true;
    at = fieldOf(at, 'cause');
    if (at === undefined) return false;
  }
  return false;
}
