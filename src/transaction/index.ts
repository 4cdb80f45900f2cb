export type { TransactionalClient } from './client.ts';
export { createDecorator, type TransactionalDecorator } from './decorator.ts';
export {
  AfterCommitError,
  CommitUnknownError,
  HookLimitError,
  IncompatibleTransactionError,
  ScopeBlockedError,
  TransactionEndedError,
  TransactionNotAllowedError,
  TransactionRequiredError,
  TransactionTimeoutError,
  UnexpectedRollbackError,
} from './errors.ts';
export type { IsolationLevelName, RetryOptions, TransactionOptions } from './options.ts';
export { Propagation } from './propagation.ts';
export { registerHook, registerHookHere } from './registration.ts';
export type { SavepointObserver } from './savepoints.ts';
export type { Scope } from './scope.ts';
export { runScope, scopeAt, type Target } from './scoped.ts';
export type { Outcome } from './state.ts';
export { runStatement, runStatements } from './statements.ts';
export { WorkInProgress } from './work.ts';
