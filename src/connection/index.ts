export { runAutocommit } from './autocommit.ts';
export type { Cancellation } from './cancellation.ts';
export { Checkout } from './checkout.ts';
export type { LoneRead, LoneReads, Results, TransactionalClient, UnboundTreatment } from './transactional-client.ts';
export { cancelAtDeadline, deadlineExceeded, remainingTime } from './deadline.ts';
export {
  AnswerLostError,
  ChainDeadlockError,
  CommitUnknownError,
  DeadlineExceededError,
  ScopeBlockedError,
  TransactionEndedError,
  TransactionTimeoutError,
  UnexpectedRollbackError,
} from './errors.ts';
export { ended, giveCause, named, type Subject, unexpectedRollback, placeOf } from './failures.ts';
export { LockWatch } from './lock-watch.ts';
export { PhysicalTransaction } from './physical-transaction.ts';
export type { SentStatements, Through } from './transaction-parts.ts';
export { standsFor } from './repeatable-failures.ts';
export type { RollbackUnit, Savepoint, SavepointObserver } from './savepoints.ts';
export type { Ending, Outcome } from './transaction-state.ts';
export { Turns } from './turns.ts';
export { type RunningWork, WorkInProgress } from './work-in-progress.ts';
export { cutAfter } from './cancellation.ts';
export { Hold, NamedHolder, textsOf } from './hold.ts';
export { lostInAutocommit } from './failures.ts';
