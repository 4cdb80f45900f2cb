import { anything, type Check, checkBody, label, readOptions } from '../../core/index.ts';
import { type TransactionalDecorator, type TransactionOptions } from '../../index.ts';
import { createDecorator, readTransactionOptions } from '../../transaction/index.ts';
import { type DataSourceName, dataSourceNamed } from './data-sources.ts';
import { TransactionalError } from './errors.ts';
import { withHooksOf, withHooksOfCall } from './hooks.ts';
import type { IsolationLevel, Propagation } from './names.ts';

/** Options of one transaction. */
export interface WrapInTransactionOptions {
  /** The name of the data source. Default `default`. It need not be added before the call. */
  readonly connectionName?: DataSourceName | undefined;
  /** Default `REQUIRED`. */
  readonly propagation?: Propagation | undefined;
  /** Default: the server's. What joins a transaction that gives less is refused. */
  readonly isolationLevel?: IsolationLevel | undefined;
  /** Names the transaction in errors and statistics. */
  readonly name?: string | symbol | undefined;
}

interface Read {
  readonly connectionName: DataSourceName;
  readonly options: TransactionOptions;
}

const checks: Record<keyof WrapInTransactionOptions, Check> = {
  connectionName: label(200),
  // The transaction checks its own.
  propagation: anything,
  isolationLevel: anything,
  name: (value) => (typeof value === 'symbol' ? undefined : label(200)(value)),
};

function read(owner: string, given: WrapInTransactionOptions = {}): Read {
  const { connectionName = 'default', name, ...options } = readOptions(owner, given, checks);
  const named = typeof name === 'symbol' ? name.description : name;
  const asked = named === undefined ? options : { ...options, name: named };
  return { connectionName, options: readTransactionOptions(asked) };
}

/** @throws TransactionalError */
async function run<Result>(
  connectionName: DataSourceName,
  body: () => Result | PromiseLike<Result>,
  options: TransactionOptions,
): Promise<Result> {
  const dataSource = dataSourceNamed(connectionName);
  const { db } = dataSource;
  const { propagation = 'REQUIRED' } = options;
  const isOpen = db.inTransaction;
  if (propagation === 'MANDATORY' && !isOpen) throw missing(connectionName);
  if (propagation === 'NEVER' && isOpen) throw notAllowed(connectionName);
  const none = isOpen ? propagation === 'NOT_SUPPORTED' : propagation === 'NEVER' || propagation === 'SUPPORTS';
  if (none) return await withHooksOfCall((call) => dataSource.inTransaction(async () => await call(body), options));
  if (propagation === 'NOT_SUPPORTED') return await dataSource.inTransaction(async () => await body(), options);
  return await dataSource.inTransaction(async () => await withHooksOf(db, body), options);
}

/**
 * Wraps a function: each call of what it returns runs in a transaction, with the same `this` and arguments.
 *
 * ```ts
 * import { Propagation, wrapInTransaction } from 'sluice/compat/typeorm-transactional';
 *
 * const place = wrapInTransaction((orderId: number) => checkout(orderId), { propagation: Propagation.REQUIRES_NEW });
 * await place(7);
 * ```
 * @returns a function that returns a promise, whatever the type of `fn` says
 * @throws InvalidOptionError; a call rejects with NoDatabaseError before its data source was added
 */
export function wrapInTransaction<Fn extends (...args: never[]) => unknown>(
  fn: Fn,
  options?: WrapInTransactionOptions,
): Fn {
  checkBody('wrapInTransaction', fn);
  const { connectionName, options: given } = read('wrapInTransaction', options);
  const wrapped = function wrapped(this: unknown, ...args: never[]): Promise<unknown> {
    return run(connectionName, () => fn.apply(this, args), given);
  };
  return wrapped as unknown as Fn;
}

/**
 * Runs `fn` in a transaction.
 *
 * ```ts
 * import { runInTransaction } from 'sluice/compat/typeorm-transactional';
 *
 * await runInTransaction(() => checkout(7), { connectionName: 'shop' });
 * ```
 * @throws TransactionalError for MANDATORY without a transaction and NEVER inside of one; InvalidOptionError; NoDatabaseError;
 * what `transaction` of Sluice throws
 */
export async function runInTransaction<Result>(
  fn: () => Result | PromiseLike<Result>,
  options?: WrapInTransactionOptions,
): Promise<Result> {
  checkBody('runInTransaction', fn);
  const { connectionName, options: given } = read('runInTransaction', options);
  return await run(connectionName, fn, given);
}

/**
 * Runs each call of a method in a transaction; for both decorator standards.
 *
 * ```ts
 * import { IsolationLevel, Transactional } from 'sluice/compat/typeorm-transactional';
 *
 * class Orders {
 *   @Transactional({ isolationLevel: IsolationLevel.SERIALIZABLE })
 *   async place(orderId: number): Promise<void> {
 *     await checkout(orderId);
 *   }
 * }
 * ```
 * @throws InvalidOptionError where it decorates; calls reject with what `runInTransaction` throws
 */
export function Transactional(options?: WrapInTransactionOptions): MethodDecorator & TransactionalDecorator {
  const { connectionName, options: given } = read('Transactional', options);
  const decorator = createDecorator((_instance, body, frozen) => run(connectionName, body, frozen), [given]);
  return decorator;
}

function missing(connectionName: DataSourceName): TransactionalError {
  return new TransactionalError({
    what: `MANDATORY was asked for where no transaction of the data source "${connectionName}" is open`,
    remedy: 'Call it inside of a transaction, or choose REQUIRED',
  });
}

function notAllowed(connectionName: DataSourceName): TransactionalError {
  return new TransactionalError({
    what: `NEVER was asked for inside of a transaction of the data source "${connectionName}"`,
    remedy: 'Call it outside of a transaction, or choose NOT_SUPPORTED',
  });
}
