import { IncompatibleTransactionError } from './errors.ts';
import { isolationOf, type TransactionOptions } from './options.ts';
import type { Transaction } from './transaction.ts';

/** Refuses to join a transaction that does not give what the options ask for. @throws IncompatibleTransactionError */
export function checkJoin(transaction: Transaction, options: TransactionOptions): void {
  const { characteristics, client } = transaction;
  const wanted = isolationOf(options.isolationLevel);
  if (wanted !== 'DEFAULT' && !client.driver.fulfils(characteristics.isolation, wanted)) {
    throw incompatible(
      transaction,
      `isolation level ${wanted}`,
      `runs at ${characteristics.isolation ?? "the server's default"}`,
    );
  }
  if (options.readOnly === false && characteristics.readOnly) {
    throw incompatible(transaction, 'writing (readOnly: false)', 'is read-only');
  }
  if (options.timeout !== undefined && options.timeout !== transaction.timeout) {
    const running = transaction.timeout === undefined ? 'has none' : `has one of ${transaction.timeout} ms`;
    throw incompatible(transaction, `a timeout of ${options.timeout} ms`, running);
  }
  if (options.signal !== undefined && options.signal !== transaction.signal) {
    throw incompatible(transaction, 'a signal of its own', 'does not have it');
  }
}

function incompatible(transaction: Transaction, wish: string, fact: string): IncompatibleTransactionError {
  return new IncompatibleTransactionError({
    what: `A scope that wants ${wish} cannot join the transaction "${transaction.name}", which ${fact}`,
    remedy: 'Give the option to the transaction that begins, or run this scope with propagation REQUIRES_NEW',
    chain: transaction.chain(),
  });
}
