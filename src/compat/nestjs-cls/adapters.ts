import type { Knex } from 'knex';
import type { Kysely, TransactionBuilder } from 'kysely';
import type { DataSource, EntityManager } from 'typeorm';
import { anObject, anything, fieldOf, oneOf, readOptions } from '../../core/index.ts';
import { beginsAlike, isSynchronous, type TransactionalAdapterOptions, within } from './adapter.ts';

type Adapted<TTx, TOptions> = TransactionalAdapterOptions<TTx, TOptions, unknown> & { readonly [beginsAlike]: true };

/** Options of transactions with `TransactionalAdapterTypeOrm`. */
export type TypeOrmTransactionOptions = {
  /** The isolation level. */
  readonly isolationLevel?: 'READ UNCOMMITTED' | 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE' | undefined;
};

/** Options of `TransactionalAdapterTypeOrm`. */
export interface TypeOrmTransactionalAdapterOptions {
  /** The token under which Nest has the data source. */
  readonly dataSourceToken: unknown;
  /** What transactions begin with, unless a call says otherwise. */
  readonly defaultTxOptions?: TypeOrmTransactionOptions;
}

/** Transactions of a DataSource of TypeORM; of Sluice, where that is one of `createDataSource` or `adoptDataSource`. */
export class TransactionalAdapterTypeOrm {
  /** The token of the data source. */
  readonly connectionToken: unknown;
  /** What transactions begin with. */
  readonly defaultTxOptions: TypeOrmTransactionOptions | undefined;

  constructor(options: TypeOrmTransactionalAdapterOptions) {
    const checks = { dataSourceToken: anything, defaultTxOptions: anObject };
    const read = readOptions('TransactionalAdapterTypeOrm', options, checks, ['dataSourceToken']);
    this.connectionToken = read.dataSourceToken;
    this.defaultTxOptions = read.defaultTxOptions;
  }

  /** Is called once with the data source. */
  readonly optionsFactory = (dataSource: DataSource): Adapted<EntityManager, TypeOrmTransactionOptions> => {
    const begin = (
      on: DataSource | EntityManager,
      { isolationLevel }: TypeOrmTransactionOptions,
      run: (tx: EntityManager) => Promise<unknown>,
    ): Promise<unknown> => (isolationLevel === undefined ? on.transaction(run) : on.transaction(isolationLevel, run));
    return {
      wrapWithTransaction: (options, fn, setTx) => begin(dataSource, options, (tx) => within(tx, setTx, fn)),
      wrapWithNestedTransaction: (options, fn, setTx, outer) => begin(outer, options, (tx) => within(tx, setTx, fn)),
      getFallbackInstance: () => dataSource.manager,
      [beginsAlike]: true,
    };
  };
}

/** Options of transactions with `TransactionalAdapterKysely`. */
export type KyselyTransactionOptions = {
  /** The isolation level. */
  readonly isolationLevel?: Parameters<TransactionBuilder<unknown>['setIsolationLevel']>[0] | undefined;
  /** Whether the transaction may write. */
  readonly accessMode?: Parameters<TransactionBuilder<unknown>['setAccessMode']>[0] | undefined;
};

/** Options of `TransactionalAdapterKysely`. */
export interface KyselyTransactionalAdapterOptions {
  /** The token under which Nest has the instance of Kysely. */
  readonly kyselyInstanceToken: unknown;
  /** What transactions begin with, unless a call says otherwise. */
  readonly defaultTxOptions?: KyselyTransactionOptions;
}

/** Transactions of Kysely; of Sluice, where it was bound by `bindKysely`. */
export class TransactionalAdapterKysely<DB = never> {
  /** The token of the instance. */
  readonly connectionToken: unknown;
  /** What transactions begin with. */
  readonly defaultTxOptions: KyselyTransactionOptions | undefined;

  constructor(options: KyselyTransactionalAdapterOptions) {
    const checks = { kyselyInstanceToken: anything, defaultTxOptions: anObject };
    const read = readOptions('TransactionalAdapterKysely', options, checks, ['kyselyInstanceToken']);
    this.connectionToken = read.kyselyInstanceToken;
    this.defaultTxOptions = read.defaultTxOptions;
  }

  /** Is called once with the instance. */
  readonly optionsFactory = (kysely: Kysely<DB>): Adapted<Kysely<DB>, KyselyTransactionOptions> => ({
    wrapWithTransaction({ isolationLevel, accessMode }, fn, setTx) {
      let builder = kysely.transaction();
      if (isolationLevel !== undefined) builder = builder.setIsolationLevel(isolationLevel);
      if (accessMode !== undefined) builder = builder.setAccessMode(accessMode);
      return builder.execute((tx) => within(tx, setTx, fn));
    },
    getFallbackInstance: () => kysely,
    [beginsAlike]: true,
  });
}

/** Options of `TransactionalAdapterKnex`. */
export interface KnexTransactionalAdapterOptions {
  /** The token under which Nest has the instance of Knex. */
  readonly knexInstanceToken: unknown;
  /** What transactions begin with, unless a call says otherwise. */
  readonly defaultTxOptions?: Knex.TransactionConfig;
}

/** Transactions of Knex; of Sluice, where it was made by `createKnex` or bound by `bindKnex`. */
export class TransactionalAdapterKnex {
  /** The token of the instance. */
  readonly connectionToken: unknown;
  /** What transactions begin with. */
  readonly defaultTxOptions: Knex.TransactionConfig | undefined;

  constructor(options: KnexTransactionalAdapterOptions) {
    const checks = { knexInstanceToken: anything, defaultTxOptions: anObject };
    const read = readOptions('TransactionalAdapterKnex', options, checks, ['knexInstanceToken']);
    this.connectionToken = read.knexInstanceToken;
    this.defaultTxOptions = read.defaultTxOptions;
  }

  /** Is called once with the instance. */
  readonly optionsFactory = (knex: Knex): Adapted<Knex, Knex.TransactionConfig> => ({
    wrapWithTransaction: (options, fn, setTx) => knex.transaction((tx) => within(tx, setTx, fn), options),
    wrapWithNestedTransaction: (options, fn, setTx, outer) => outer.transaction((tx) => within(tx, setTx, fn), options),
    getFallbackInstance: () => knex,
    [beginsAlike]: true,
  });
}

/** As much of Drizzle as the adapter needs. */
export interface AnyDrizzleClient {
  /** Runs a function in a transaction. */
  transaction: (...args: never[]) => unknown;
}

interface DrizzleClient<TClient> {
  transaction(run: (tx: TClient) => unknown, options: unknown): Promise<unknown>;
}

/** Options of `TransactionalAdapterDrizzleOrm`. */
export interface DrizzleOrmTransactionalAdapterOptions<TClient extends AnyDrizzleClient> {
  /** The token under which Nest has the instance of Drizzle. */
  readonly drizzleInstanceToken: unknown;
  /** What transactions begin with, unless a call says otherwise. */
  readonly defaultTxOptions?: Partial<NonNullable<Parameters<TClient['transaction']>[1]>>;
  /** Whether transactions run to their end at once, as with better-sqlite3. Default `'auto'`: as the instance says. */
  readonly transactionMode?: 'auto' | 'sync' | 'async' | undefined;
}

/**
 * Transactions of Drizzle; of Sluice, where it was bound by `bindDrizzle`. Where the driver is synchronous, methods in
 * transactions may not be async.
 */
export class TransactionalAdapterDrizzleOrm<TClient extends AnyDrizzleClient> {
  /** The token of the instance. */
  readonly connectionToken: unknown;
  /** What transactions begin with. */
  readonly defaultTxOptions: Partial<NonNullable<Parameters<TClient['transaction']>[1]>> | undefined;
  /** As it was given. */
  readonly transactionMode: 'auto' | 'sync' | 'async';

  constructor(options: DrizzleOrmTransactionalAdapterOptions<TClient>) {
    const checks = {
      drizzleInstanceToken: anything,
      defaultTxOptions: anObject,
      transactionMode: oneOf(['auto', 'sync', 'async']),
    };
    const read = readOptions('TransactionalAdapterDrizzleOrm', options, checks, ['drizzleInstanceToken']);
    this.connectionToken = read.drizzleInstanceToken;
    this.defaultTxOptions = read.defaultTxOptions;
    this.transactionMode = read.transactionMode ?? 'auto';
  }

  /** Is called once with the instance. */
  readonly optionsFactory = (
    drizzle: TClient,
  ): Adapted<TClient, NonNullable<Parameters<TClient['transaction']>[1]>> & { readonly [isSynchronous]: boolean } => {
    const mode = this.transactionMode;
    const isSync = mode === 'sync' || (mode === 'auto' && fieldOf(drizzle, 'resultKind') === 'sync');
    const begin = isSync ? beginAtOnce : beginAwaited;
    return {
      wrapWithTransaction: (options, fn, setTx) => begin(drizzle, options, setTx, fn),
      wrapWithNestedTransaction: (options, fn, setTx, outer) => begin(outer, options, setTx, fn),
      getFallbackInstance: () => drizzle,
      [beginsAlike]: true,
      [isSynchronous]: isSync,
    };
  };
}

type Begin = <TClient>(
  on: TClient,
  options: unknown,
  setTx: (client?: TClient) => void,
  fn: () => Promise<unknown>,
) => Promise<unknown>;

const beginAwaited: Begin = (on, options, setTx, fn) =>
  (on as DrizzleClient<typeof on>).transaction(async (tx) => await within(tx, setTx, fn), options);

/** Such a driver takes no promise, and throws what an async one would reject with. */
const beginAtOnce: Begin = async (on, options, setTx, fn) =>
  await (on as DrizzleClient<typeof on>).transaction((tx) => {
    setTx(tx);
    return fn();
  }, options);
