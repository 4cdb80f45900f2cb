export { type Attempted, leaving, runAttempt } from './begin.ts';
export { deadlineOf, mayRepeat, Repetition, timeLeft } from './retry.ts';
export { beginAs } from './compatibility.ts';
export type { BegunByHand } from './begun-by-hand.ts';
export { createDecorator, imitate, isGenerator, type TransactionalDecorator } from './decorator.ts';
export { refuseDeferred } from './body-result.ts';
export { type Deferred, drain, drainLast, type Subscribable } from './drain.ts';
export {
  AfterCommitError,
  DeferredResultError,
  IncompatibleTransactionError,
  TransactionLeftOpenError,
  TransactionNotAllowedError,
  TransactionRequiredError,
} from './errors.ts';
export { leftOpen } from './failures.ts';
export { isolationOf, readOnce, readTransactionOptions } from './options.ts';
export type { IsolationLevelName, RetryOptions, TransactionOptions } from './options.ts';
export { runInBase, runScope, scopeAt, type Target } from './propagate.ts';
export { Propagation } from './propagation.ts';
export { checkHook, defaultHookLimit, registerHook, registerHookHere } from './register-hooks.ts';
export { type AtEnd, baseOf, type BaseScope, participate, type Rehearsed, type Scope, wholeUnit } from './scope.ts';
export {
  type QueryOptions,
  readStatement,
  type ResultsOf,
  runBatch,
  runStatement,
  runStatements,
} from './statements.ts';
export type { AtomicUnit, InScope, Participant } from './atomic-unit.ts';
