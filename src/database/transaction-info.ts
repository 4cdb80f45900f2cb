import type { IsolationLevel } from '../driver/index.ts';
import type { Outcome } from '../connection/index.ts';
import { type Scope, wholeUnit } from '../transaction/index.ts';

/** The state of an open transaction. */
export interface TransactionInfo {
  /** The name given in the options, or `anonymous`. */
  readonly name: string;
  /** The level at which it holds its connection. */
  readonly level: number;
  /** `DEFAULT`: the server's own, which was not asked for. */
  readonly isolationLevel: IsolationLevel;
  /** Whether the server refuses writes in it. */
  readonly readOnly: boolean;
  /** Whether any statement was sent; before the first one the server has no transaction. */
  readonly hasStarted: boolean;
  /** Whether a statement was sent that may have written. Functions that a SELECT calls are not seen. */
  readonly hasWritten: boolean;
  /** Nothing until the server has answered COMMIT or ROLLBACK. */
  readonly outcome: Outcome | undefined;
  /**
   * Leaves the transaction (in a nested scope: the savepoint) for rollback alone; its call then rejects with `UnexpectedRollbackError`.
   *
   * ```ts
   * if (dryRun) db.transaction.active?.setRollbackOnly();
   * ```
   */
  setRollbackOnly(): void;
}

/** A live view of the transaction of a scope. */
export function activeTransaction(scope: Scope | undefined): TransactionInfo | undefined {
  if (scope === undefined || scope.base !== undefined) return undefined;
  const { transaction, unit } = scope;
  const { characteristics } = transaction;
  return {
    name: transaction.name,
    level: transaction.level,
    isolationLevel: characteristics.isolation ?? 'DEFAULT',
    readOnly: characteristics.readOnly,
    get hasStarted() {
      return transaction.backend !== undefined;
    },
    get hasWritten() {
      return wholeUnit(scope).hasWritten;
    },
    get outcome() {
      return transaction.outcome;
    },
    setRollbackOnly() {
      scope.assertOpen();
      unit.doom(undefined);
    },
  };
}
