import { frameOfCall } from '../context/index.ts';
import type { Outcome } from '../connection/index.ts';
import { checkHook, registerHookHere, type Scope, TransactionRequiredError } from '../transaction/index.ts';
import { assertUnambiguous } from './open-databases.ts';
import { activeTransaction } from './transaction-info.ts';

/**
 * Runs `hook` after the commit of the transaction that is open here, on whichever client. Without one it is called at once: what
 * it throws is thrown here, and what an async one rejects with is published as `sluice:hook:error`.
 *
 * ```ts
 * await database.transaction(async () => {
 *   await checkout(id);
 *   afterCommit(() => sendMail(`order ${id} is placed`));
 * });
 * ```
 * @throws AmbiguousDatabaseError where several databases are open and nothing ambient decides; TransactionEndedError
 */
export function afterCommit(hook: () => unknown): void {
  assertUnambiguous();
  registerHookHere('commit', hook);
}

/**
 * Runs `hook` after a rollback of the transaction that is open here, with the error that the caller gets; without one it is
 * dropped.
 *
 * ```ts
 * const payment = await charge(order);
 * afterRollback(() => refund(payment));
 * ```
 * @throws AmbiguousDatabaseError where several databases are open and nothing ambient decides; TransactionEndedError
 */
export function afterRollback(hook: (error: unknown) => unknown): void {
  assertUnambiguous();
  checkHook('compensate', hook);
  registerHookHere('compensate', (_outcome, error) => hook(error));
}

/**
 * Runs `hook` with the outcome of the transaction that is open here, after its other hooks; if it is not committed, with the
 * error that the caller gets. Without a transaction it runs at once.
 *
 * ```ts
 * afterCompletion((outcome) => {
 *   console.log(`order ${id}: ${outcome}`);
 * });
 * ```
 * @throws AmbiguousDatabaseError where several databases are open and nothing ambient decides; TransactionEndedError
 */
export function afterCompletion(hook: (outcome: Outcome, error: unknown) => unknown): void {
  assertUnambiguous();
  registerHookHere('completion', hook);
}

/**
 * Runs and awaits `hook` in the transaction that is open here, before its COMMIT; without one, at once.
 *
 * ```ts
 * beforeCommit(async () => {
 *   await writeAudit('checkout');
 * });
 * ```
 * @throws AmbiguousDatabaseError where several databases are open and nothing ambient decides; TransactionEndedError
 */
export function beforeCommit(hook: () => unknown): void {
  assertUnambiguous();
  registerHookHere('beforeCommit', hook);
}

/**
 * Whether a statement here would join a transaction.
 *
 * ```ts
 * if (!isTransactionActive()) throw new Error('call this inside a transaction');
 * ```
 */
export function isTransactionActive(): boolean {
  const scope = scopeHere();
  return scope?.isOpen === true && scope.base === undefined;
}

/**
 * Leaves the transaction that is open here for rollback alone.
 *
 * ```ts
 * await database.transaction(async () => {
 *   await checkout(id);
 *   if (dryRun) setRollbackOnly();
 * }).catch((error: unknown) => {
 *   if (!(error instanceof UnexpectedRollbackError)) throw error;
 * });
 * ```
 * @throws TransactionRequiredError without one; AmbiguousDatabaseError where those of several databases are
 */
export function setRollbackOnly(): void {
  const info = activeTransaction(scopeHere());
  if (info !== undefined) assertUnambiguous();
  if (info === undefined) {
    throw new TransactionRequiredError({
      what: 'setRollbackOnly() was called where no transaction is open',
      remedy: 'Call it inside the body of a transaction',
    });
  }
  info.setRollbackOnly();
}

function scopeHere(): Scope | undefined {
  return frameOfCall()?.scope as Scope | undefined;
}
