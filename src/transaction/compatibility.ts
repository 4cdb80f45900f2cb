import type { PhysicalTransaction } from '../connection/index.ts';
import type { IsolationLevel } from '../driver/index.ts';
import { IncompatibleTransactionError } from './errors.ts';
import { isolationOf, type TransactionOptions } from './options.ts';
import type { Scope } from './scope.ts';

/** Refuses to join a transaction that does not give what the options ask for. @throws IncompatibleTransactionError */
export function checkJoin(scope: Scope, options: TransactionOptions): void {
  const { transaction } = scope;
  const { characteristics, client } = transaction;
  const wanted = isolationOf(options.isolationLevel);
  if (
    wanted !== 'DEFAULT' &&
    !client.driver.fulfils(characteristics.isolation, wanted) &&
    !asksForUsual(transaction, wanted)
  ) {
    throw incompatible(
      scope,
      `isolation level ${wanted}`,
      `runs at ${characteristics.isolation ?? "the server's default"}`,
    );
  }
  if (options.readOnly === false && characteristics.readOnly) {
    throw incompatible(scope, 'writing (readOnly: false)', 'is read-only');
  }
  if (options.timeout !== undefined && options.timeout !== transaction.timeout) {
    const running = transaction.timeout === undefined ? 'has none' : `has one of ${transaction.timeout} ms`;
    throw incompatible(scope, `a timeout of ${options.timeout} ms`, running);
  }
  if (options.signal !== undefined && options.signal !== transaction.signal) {
    throw incompatible(scope, 'a signal of its own', 'does not have it');
  }
}

/** Before any server has told what it gives, a transaction that asks for nothing asks for what servers usually give. */
function asksForUsual(transaction: PhysicalTransaction, wanted: IsolationLevel): boolean {
  const { characteristics, client } = transaction;
  if (transaction.hasStarted || characteristics.isolation !== undefined) return false;
  const usual = client.driver.usualIsolation?.();
  if (usual === undefined || !client.driver.fulfils(usual, wanted)) return false;
  transaction.begins({ ...characteristics, isolation: usual });
  return true;
}

/**
 * Sets the characteristics of a transaction whose BEGIN is not sent; one that runs has to give as much.
 * @throws IncompatibleTransactionError, UnsupportedIsolationError
 */
export function beginAs(scope: Scope, wish: Pick<TransactionOptions, 'isolationLevel' | 'readOnly'>): void {
  const { transaction, parent } = scope;
  if (parent !== undefined || transaction.hasStarted) {
    // A library's transaction joins as its parent would.
    checkJoin(parent ?? scope, wish);
    return;
  }
  const { driver } = transaction.client;
  const { isolation, readOnly } = transaction.characteristics;
  if (wish.readOnly === false) checkJoin(scope, { readOnly: false });
  const wanted = isolationOf(wish.isolationLevel);
  const enough = wanted === 'DEFAULT' || (isolation !== undefined && driver.fulfils(isolation, wanted));
  transaction.begins({
    isolation: enough ? isolation : driver.isolation(wanted),
    readOnly: readOnly || wish.readOnly === true,
  });
}

function incompatible(scope: Scope, wish: string, fact: string): IncompatibleTransactionError {
  const { transaction } = scope;
  return new IncompatibleTransactionError({
    what: `A scope that wants ${wish} cannot join the transaction "${transaction.name}", which ${fact}`,
    remedy:
      scope.base !== undefined
        ? 'Give isolationLevel to rolledBack or rollbackEach, whose transaction is around the test'
        : 'Give the option to the transaction that begins, or run this scope with propagation REQUIRES_NEW',
    chain: transaction.chain(),
  });
}
