import type {
  BeforeApplicationShutdown,
  InjectionToken,
  OnApplicationBootstrap,
  OnApplicationShutdown,
  OnModuleDestroy,
  OnModuleInit,
} from '@nestjs/common';

/** How an adapter begins transactions on its connection; `TResult` is what it lets functions return. */
export type TransactionalAdapterOptions<TTx, TOptions, TResult = never> = {
  /** Begins a transaction, hands it to `setTx`, runs `fn` in it, and ends it. */
  wrapWithTransaction: (
    options: TOptions,
    fn: (...given: unknown[]) => Promise<TResult>,
    setTx: (client?: TTx) => void,
  ) => Promise<unknown>;
  /** The same for a savepoint in `tx`; without it a nested transaction is a new one. */
  wrapWithNestedTransaction?:
    | ((
        options: TOptions,
        fn: (...given: unknown[]) => Promise<TResult>,
        setTx: (client?: TTx) => void,
        tx: TTx,
      ) => Promise<unknown>)
    | undefined;
  /** What `tx` is where no transaction is open. */
  getFallbackInstance: () => TTx;
};

/** Makes them of a connection. */
export type TransactionalOptionsAdapterFactory<TConnection, TTx, TOptions> = (
  connection: TConnection,
  extraProviders: never[],
) => TransactionalAdapterOptions<TTx, TOptions>;

type LifecycleHooks = Partial<
  OnModuleInit & OnModuleDestroy & OnApplicationBootstrap & BeforeApplicationShutdown & OnApplicationShutdown
>;

/** What `ClsPluginTransactional` takes: how transactions of a library are begun. Write one for a library that has none here. */
export interface TransactionalAdapter<TConnection, TTx, TOptions> extends LifecycleHooks {
  /** The token under which Nest has the connection. */
  connectionToken?: unknown;
  /** The connection itself, where there is no token. */
  connection?: TConnection;
  /** What transactions begin with, unless a call says otherwise. */
  defaultTxOptions?: Partial<TOptions> | undefined;
  /** Is called once with the connection. */
  optionsFactory: TransactionalOptionsAdapterFactory<TConnection, TTx, TOptions>;
  /** Tokens of what the factory gets besides. */
  extraProviderTokens?: InjectionToken[];
  /** `false`: `enableTransactionProxy` is refused. Default `true`. */
  supportsTransactionProxy?: boolean;
}

/** An adapter of whatever types. */
export interface AnyTransactionalAdapter extends LifecycleHooks {
  /** As in `TransactionalAdapter`. */
  connectionToken?: unknown;
  /** As in `TransactionalAdapter`. */
  connection?: unknown;
  /** As in `TransactionalAdapter`. */
  defaultTxOptions?: object | undefined;
  /** As in `TransactionalAdapter`. */
  optionsFactory: (connection: never, extraProviders: never[]) => AnyAdapterOptions;
  /** As in `TransactionalAdapter`. */
  extraProviderTokens?: InjectionToken[];
  /** As in `TransactionalAdapter`. */
  supportsTransactionProxy?: boolean;
}

/** What an adapter of whatever types gives. */
export type AnyAdapterOptions = {
  /** As in `TransactionalAdapterOptions`. */
  wrapWithTransaction: (
    options: never,
    fn: (...given: unknown[]) => Promise<never>,
    setTx: (client?: unknown) => void,
  ) => Promise<unknown>;
  /** As in `TransactionalAdapterOptions`. */
  wrapWithNestedTransaction?:
    | ((
        options: never,
        fn: (...given: unknown[]) => Promise<never>,
        setTx: (client?: unknown) => void,
        tx: never,
      ) => Promise<unknown>)
    | undefined;
  /** As in `TransactionalAdapterOptions`. */
  getFallbackInstance: () => unknown;
};

/** Options of `ClsPluginTransactional`. */
export interface TransactionalPluginOptions<TConnection = never, TTx = unknown, TOptions = never> {
  /** How transactions are begun. */
  readonly adapter: AnyTransactionalAdapter | TransactionalAdapter<TConnection, TTx, TOptions>;
  /** Modules that export the connection. */
  readonly imports?: unknown[];
  /** The name, where there are several plugins. */
  readonly connectionName?: string | undefined;
  /** Whether `@InjectTransaction()` may be used. Default false. */
  readonly enableTransactionProxy?: boolean | undefined;
}

/** The type of the transactions of an adapter. */
export type Transaction<TAdapter> = TAdapter extends {
  optionsFactory: (
    connection: never,
    extraProviders: never[],
  ) => { wrapWithTransaction: (options: never, fn: never, setTx: (client?: infer TTx) => void) => unknown };
}
  ? NonNullable<TTx>
  : never;

/** The type of the options of an adapter. */
export type TransactionOptionsOf<TAdapter> = TAdapter extends {
  optionsFactory: (
    connection: never,
    extraProviders: never[],
  ) => { wrapWithTransaction: (options: infer TOptions, fn: never, setTx: never) => unknown };
}
  ? TOptions
  : never;

/** On what an adapter of this entry gives: where its connection is one of Sluice, Sluice begins the transaction alone. */
export const beginsAlike: unique symbol = Symbol.for('sluice.compat.begins-alike') as never;

/** On what an adapter gives whose library runs the function of a transaction to its end at once: it may not be async. */
export const isSynchronous: unique symbol = Symbol.for('sluice.compat.is-synchronous') as never;

/** What the plugin makes of an adapter for its host. */
export type HostOptions = AnyAdapterOptions & {
  readonly connection: unknown;
  readonly connectionName: string | undefined;
  readonly defaultTxOptions: object;
  readonly adapterName: string;
  readonly [beginsAlike]?: true;
  readonly [isSynchronous]?: boolean;
};

/** What each adapter does in a transaction that its library has begun. */
export async function within<TTx, Result>(
  tx: TTx,
  setTx: (client?: TTx) => void,
  fn: () => Promise<Result>,
): Promise<Result> {
  setTx(tx);
  return await fn();
}
