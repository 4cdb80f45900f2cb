import { currentFrame } from '../context/index.ts';
import { registerHookHere, type Scope, TransactionRequiredError } from '../transaction/index.ts';
import { activeTransaction } from './transaction-info.ts';

/** Runs `hook` after the commit of the transaction that is open here, on whichever client; without one, at once. */
export function afterCommit(hook: () => unknown): void {
  registerHookHere('commit', hook);
}

/** Runs `hook` after a rollback of the transaction that is open here; without one it is dropped. */
export function afterRollback(hook: () => unknown): void {
  registerHookHere('compensate', hook);
}

/** Runs and awaits `hook` in the transaction that is open here, before its COMMIT; without one, at once. */
export function beforeCommit(hook: () => unknown): void {
  registerHookHere('beforeCommit', hook);
}

/** Whether a statement here would join a transaction. */
export function isTransactionActive(): boolean {
  return scopeHere()?.isOpen === true;
}

/** Leaves the transaction that is open here for rollback alone. @throws TransactionRequiredError without one */
export function setRollbackOnly(): void {
  const info = activeTransaction(scopeHere());
  if (info === undefined) {
    throw new TransactionRequiredError({
      what: 'setRollbackOnly() was called where no transaction is open',
      remedy: 'Call it inside the body of a transaction',
    });
  }
  info.setRollbackOnly();
}

function scopeHere(): Scope | undefined {
  return currentFrame()?.scope as Scope | undefined;
}
