import { findPlace, frameOfCall } from '../context/index.ts';
import {
  type Check,
  InvalidOptionError,
  knownToCopies,
  openToCopies,
  refuseOtherVersion,
  typeName,
} from '../core/index.ts';
import { isSql, type QueryResult, type Sql } from '../driver/index.ts';
import type { Outcome, SavepointObserver, TransactionalClient } from '../connection/index.ts';
import {
  checkHook,
  type QueryOptions,
  readStatement,
  type ResultsOf,
  registerHook,
  runBatch,
  runScope,
  runStatement,
  scopeAt,
  type Target,
  type TransactionOptions,
} from '../transaction/index.ts';
import { activeTransaction, type TransactionInfo } from './transaction-info.ts';

/** The transactions of a `Db`. */
export interface DbTransaction {
  /**
   * Runs `body` in a transaction as the options' propagation says; see `TransactionOptions`.
   *
   * ```ts
   * await db.transaction.begin(
   *   async () => {
   *     await db.query(sql`update product set stock = stock - 1 where id = ${id}`);
   *   },
   *   { isolationLevel: 'REPEATABLE_READ', retry: { attempts: 3 } },
   * );
   * ```
   */
  begin<Result>(body: () => Result | PromiseLike<Result>, options?: TransactionOptions): Promise<Result>;
  /**
   * Runs statements that are known in advance as one transaction, in one round trip; all take effect or none.
   *
   * ```ts
   * const [, { rows }] = await db.transaction.batch([
   *   sql`update product set stock = stock - 1 where id = ${id}`,
   *   sql<Product>`select * from product where id = ${id}`,
   * ]);
   * ```
   */
  batch<const Statements extends readonly Sql<unknown>[]>(
    statements: Statements,
    options?: TransactionOptions,
  ): Promise<ResultsOf<Statements>>;
  /** The transaction that statements join here, if any. */
  readonly active: TransactionInfo | undefined;
  /**
   * Observes the savepoint scopes of the open transaction; without effect outside of one.
   *
   * ```ts
   * db.transaction.observeSavepoints({
   *   entered: (savepoint) => console.log(`${savepoint} begins`),
   *   rolledBack: (savepoint) => console.log(`${savepoint} was rolled back`),
   * });
   * ```
   */
  observeSavepoints(observer: SavepointObserver): void;
}

/** The client of a handle. @throws InvalidOptionError for what is no handle; MixedVersionsError for one of another version */
export let clientOf: (db: Db) => TransactionalClient;
/** Whether a value is a handle, of whichever copy of this version. */
export let isDb: (value: unknown) => value is Db;

/** An option that takes a handle. */
export const aHandle: Check = (value) => (isDb(value) ? undefined : 'a handle on a client, such as database.current');

/** @throws InvalidOptionError for what is no handle on a client of the database */
export function checkHandle(database: object, db: Db): void {
  if (clientOf(db).database === database) return;
  throw new InvalidOptionError({
    what: `A handle on the client "${db.clientName}" of another database was given`,
    remedy: 'Give what current or getDb() of the same database returns',
  });
}

/** @throws MixedVersionsError */
function noHandle(value: unknown): InvalidOptionError {
  refuseOtherVersion('A function that takes a handle on a client', 'a handle', value);
  return new InvalidOptionError({
    what: `A handle on a client was expected, and ${typeName(value)} was given`,
    remedy: 'Give what current or getDb() of the database returns',
  });
}

/**
 * A handle on a client. Without a level of its own (`current`, `getDb()`) it follows the ambient
 * transaction wherever it is used; with one (`getDb({ level })`) it stands at exactly that level.
 */
export class Db<Name extends string = string> {
  /** The name of the client that the handle stands on. */
  readonly clientName: Name;
  /** Begins transactions on this client, and describes the one that is open here. */
  readonly transaction: DbTransaction;
  readonly #target: Target;

  static {
    knownToCopies(Db, 'handle');
    const ofCopies = openToCopies(Db.prototype, 'handle', (db): TransactionalClient => db.#target.client);
    const find = (db: unknown): TransactionalClient | undefined =>
      typeof db === 'object' && db !== null && #target in db ? db.#target.client : ofCopies(db);
    isDb = (value): value is Db => find(value) !== undefined;
    clientOf = (db) => {
      const client = find(db);
      if (client === undefined) throw noHandle(db);
      return client;
    };
  }

  constructor(clientName: Name, client: TransactionalClient, level?: number) {
    const target: Target = { client, level };
    this.clientName = clientName;
    this.#target = target;
    this.transaction = {
      begin: (body, options) => runScope(target, body, options),
      batch: (statements, options) => runBatch(target, statements, options),
      get active() {
        return activeTransaction(scopeAt(frameOfCall(), target));
      },
      observeSavepoints: (observer) => {
        scopeAt(frameOfCall(), target)?.transaction.savepoints.observe(observer);
      },
    };
  }

  /** The level at which statements and transactions of this handle run here. */
  get level(): number {
    return findPlace(frameOfCall(), this.#target.client, this.#target.level).level;
  }

  /** The engine: `postgres`. */
  get dialect(): string {
    return this.#target.client.driver.dialect;
  }

  /** Whether a statement of this handle would run in a transaction here. */
  get inTransaction(): boolean {
    const scope = scopeAt(frameOfCall(), this.#target);
    return scope?.isOpen === true && scope.base === undefined;
  }

  /**
   * Runs one statement: in the transaction that is open here, otherwise by itself. `Row` is what the
   * caller knows of the rows; it is not checked.
   *
   * ```ts
   * const { rows } = await db.query(sql<{ id: number }>`select id from product where stock > ${least}`);
   * await db.query('delete from product where id = $1', [7]);
   * ```
   * @throws the driver's error when the server refuses the statement; TransactionEndedError, TransactionControlError,
   * ConnectionLostError, those of the pool; InvalidOptionError before anything is sent
   */
  query<Row = Record<string, unknown>>(statement: Sql<Row>, options?: QueryOptions): Promise<QueryResult<Row>>;
  query<Row = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<QueryResult<Row>>;
  async query(
    given: Sql | string,
    values?: readonly unknown[] | QueryOptions,
    options?: QueryOptions,
  ): Promise<QueryResult> {
    const target = this.#target;
    if (typeof given === 'string') {
      return await runStatement(target, { text: given, values: values as readonly unknown[] | undefined }, options);
    }
    if (!isSql(given)) throw noStatement(this.clientName, given);
    if (Array.isArray(values)) throw valuesTwice(this.clientName);
    return await runStatement(target, readStatement(target, given), values as QueryOptions | undefined);
  }

  /** The same as `transaction.batch`. */
  batch<const Statements extends readonly Sql<unknown>[]>(
    statements: Statements,
    options?: TransactionOptions,
  ): Promise<ResultsOf<Statements>> {
    return this.transaction.batch(statements, options);
  }

  /**
   * Runs `hook` after the commit, when the connection has gone back. Outside of a transaction it is called at once: what it
   * throws is thrown here, and what an async one rejects with is published as `sluice:hook:error`.
   *
   * ```ts
   * await database.transaction(async () => {
   *   await db.query(sql`update orders set paid = true where id = ${id}`);
   *   db.commit(() => sendMail(`order ${id} is paid`));
   * });
   * ```
   */
  commit(hook: () => unknown): void {
    registerHook(this.#target, 'commit', hook);
  }

  /** The same as `commit`. */
  afterCommit(hook: () => unknown): void {
    this.commit(hook);
  }

  /**
   * Runs `hook` after a rollback, the last registered first, with the error that the caller gets; outside of a transaction it
   * is dropped.
   *
   * ```ts
   * const payment = await charge(order);
   * db.compensate(() => refund(payment));
   * ```
   */
  compensate(hook: (error: unknown) => unknown): void {
    checkHook('compensate', hook);
    registerHook(this.#target, 'compensate', (_outcome, error) => hook(error));
  }

  /** The same as `compensate`. */
  afterRollback(hook: (error: unknown) => unknown): void {
    this.compensate(hook);
  }

  /**
   * Runs and awaits `hook` in the transaction, before its COMMIT; if it throws, all is rolled back.
   *
   * ```ts
   * db.beforeCommit(async () => {
   *   const { rowCount } = await db.query(sql`select from product where stock < 0`);
   *   if (rowCount > 0) throw new Error('sold out');
   * });
   * ```
   */
  beforeCommit(hook: () => unknown): void {
    registerHook(this.#target, 'beforeCommit', hook);
  }

  /**
   * Runs `hook` with the outcome, after the other hooks, whatever the outcome was; if it is not committed, with the error that
   * the caller gets.
   *
   * ```ts
   * db.afterCompletion((outcome) => {
   *   console.log(`order ${id}: ${outcome}`);
   * });
   * ```
   */
  afterCompletion(hook: (outcome: Outcome, error: unknown) => unknown): void {
    registerHook(this.#target, 'completion', hook);
  }
}

function noStatement(clientName: string, given: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `A query on client "${clientName}" got ${typeName(given)} for its text`,
    remedy: 'Give SQL text and values, or a statement made with sql`...` or statement(text, values)',
  });
}

function valuesTwice(clientName: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `A query on client "${clientName}" got values and a statement that has its own`,
    remedy: 'Put the values into the statement: sql`... ${value} ...`',
  });
}
