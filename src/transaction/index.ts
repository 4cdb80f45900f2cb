export { beginAs } from './compatibility.ts';
export type { TransactionalClient } from './client.ts';
export { deadlineExceeded } from './deadline.ts';
export { type Deferred, drain, drainLast, refuseDeferred, type Subscribable } from './deferred-result.ts';
export { createDecorator, type TransactionalDecorator } from './decorator.ts';
export {
  AfterCommitError,
  ChainDeadlockError,
  CommitUnknownError,
  DeadlineExceededError,
  DeferredResultError,
  HookLimitError,
  IncompatibleTransactionError,
  ScopeBlockedError,
  TransactionEndedError,
  TransactionLeftOpenError,
  TransactionNotAllowedError,
  TransactionRequiredError,
  TransactionTimeoutError,
  UnexpectedRollbackError,
} from './errors.ts';
export { readOnce, readTransactionOptions } from './options.ts';
export type { IsolationLevelName, RetryOptions, TransactionOptions } from './options.ts';
export type { BegunByHand } from './begun-by-hand.ts';
export { leftOpen } from './failures.ts';
export { LockWatch } from './lock-watch.ts';
export type { InScope, Participant } from './participants.ts';
export { PinnedConnection } from './pinned.ts';
export { Propagation } from './propagation.ts';
export { defaultHookLimit, participate, registerHook, registerHookHere, wholeUnit } from './registration.ts';
export type { SavepointObserver } from './savepoints.ts';
export type { BaseScope, Scope } from './scope.ts';
export { runInBase, runScope, scopeAt, type Target } from './scoped.ts';
export type { Outcome } from './state.ts';
export { type QueryOptions, runBatch, runStatement, runStatements } from './statements.ts';
export type { AtomicUnit } from './unit.ts';
export { WorkInProgress } from './work.ts';
