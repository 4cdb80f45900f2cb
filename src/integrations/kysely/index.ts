import type {
  AbortableOperationOptions,
  AccessMode,
  ConnectionBuilder,
  ControlledTransactionBuilder,
  IsolationLevel,
  Kysely,
  KyselyPlugin,
  Transaction,
  TransactionBuilder,
} from 'kysely';
import {
  asBound,
  asProgram,
  assertBegun,
  assertHandle,
  assertPoolOf,
  type BindEntry,
  bindOnce,
  clientOf,
  isInTransactionOf,
  isOfClient,
  ownTransactions,
} from '../../library/index.ts';
import type { Database } from '../../index.ts';

export { ambientDialect } from './ambient-dialect.ts';

/** What its handles are bound with. */
interface Binding {
  readonly client: ReturnType<typeof clientOf>;
  readonly begin: Begin;
  /** Whether it is used in a transaction of the client. */
  readonly isJoining: () => boolean;
  /** Whether its transactions are ambient ones. A handle that has transactions of its own may be bound later, which is refused then. */
  readonly joins: boolean;
}

/** Runs what begins a transaction with a function. */
type Begin = <Result>(transaction: () => Promise<Result>) => Promise<Result>;

const entry: BindEntry = {
  name: 'bindKysely',
  takes: 'a Kysely: new Kysely({ dialect })',
  methods: ['transaction', 'connection', 'withPlugin', 'withoutPlugins', 'withSchema'],
};

/**
 * Lets the transactions of a Kysely over an ambient pool or dialect be ambient ones: everything below them joins, and
 * inside of another they nest. Changes the instance, and returns it.
 *
 * ```ts
 * import { Kysely, PostgresDialect } from 'kysely';
 * const dialect = new PostgresDialect({ pool: ambientPool(database) });
 * export const kysely = bindKysely(new Kysely<Tables>({ dialect }), database);
 * ```
 * @param clientName that of the ambient pool or dialect; default: the default client
 * @throws InvalidOptionError, UnknownClientError
 */
export function bindKysely<Tables, Name extends string>(
  kysely: Kysely<Tables>,
  database: Database<Name>,
  clientName?: NoInfer<Name>,
): Kysely<Tables> {
  assertHandle(entry, kysely);
  const client = clientOf(database, clientName, entry.name);
  assertDialectOf(client, kysely);
  const own = ownTransactions(database, clientName, 'Kysely');
  return bind(kysely, {
    client,
    begin: (transaction) => own.run(transaction),
    isJoining: () => isInTransactionOf(database, client.name),
    joins: true,
  });
}

/** A dialect of Kysely's own does not show its pool. @throws InvalidOptionError */
function assertDialectOf(client: Binding['client'], kysely: object): void {
  const { adapter } = (kysely as Partial<Kysely<unknown>>).getExecutor?.() ?? {};
  if (client.driver.libraryPool === undefined || isOfClient(adapter)) assertPoolOf(client, adapter, entry.name);
}

function bind<Tables>(kysely: Kysely<Tables>, binding: Binding): Kysely<Tables> {
  if (binding.joins && !bindOnce(entry.name, kysely, binding.client)) return kysely;
  const transaction = kysely.transaction.bind(kysely);
  const startTransaction = (kysely as Partial<Kysely<Tables>>).startTransaction?.bind(kysely);
  const connection = kysely.connection.bind(kysely);
  const withPlugin = kysely.withPlugin.bind(kysely);
  const withoutPlugins = kysely.withoutPlugins.bind(kysely);
  const withSchema = kysely.withSchema.bind(kysely);
  return Object.assign(kysely, {
    transaction: () => bindTransaction(transaction(), binding.begin),
    // Kysely before 0.28 has none.
    ...(startTransaction && { startTransaction: () => bindControlled(startTransaction(), binding.client) }),
    connection: () => bindConnection(connection(), binding),
    // Copies are other instances; those with other tables differ in their types alone.
    withPlugin: (plugin: KyselyPlugin) => bind(withPlugin(plugin), binding),
    withoutPlugins: () => bind(withoutPlugins(), binding),
    withSchema: (schema: string) => bind(withSchema(schema), binding),
    ...Object.fromEntries(
      ['withTables', '$extendTables', '$omitTables', '$pickTables'].map((name) => [name, () => kysely]),
    ),
  });
}

/** Kysely before 0.28 has no access modes. */
function accessModeOf<Tables>(
  builder: Partial<TransactionBuilder<Tables>>,
  begin: Begin,
): Partial<Pick<TransactionBuilder<Tables>, 'setAccessMode'>> {
  const setAccessMode = builder.setAccessMode?.bind(builder);
  return setAccessMode === undefined
    ? {}
    : { setAccessMode: (mode: AccessMode) => bindTransaction(setAccessMode(mode), begin) };
}

function bindTransaction<Tables>(builder: TransactionBuilder<Tables>, begin: Begin): TransactionBuilder<Tables> {
  const setIsolationLevel = builder.setIsolationLevel.bind(builder);
  const execute = builder.execute.bind(builder);
  return Object.assign(builder, {
    ...accessModeOf(builder, begin),
    setIsolationLevel: (level: IsolationLevel) => bindTransaction(setIsolationLevel(level), begin),
    // Kysely tells what is no function by the name that it has there.
    execute: <Result>(callback: (transaction: Transaction<Tables>) => Promise<Result>) =>
      begin(() =>
        execute((trx) => {
          assertBegun('Kysely');
          return asProgram(() => callback(trx));
        }),
      ),
  });
}

/** What is ended by hand is a transaction of its own outside of an ambient one. */
function bindControlled<Tables>(
  builder: ControlledTransactionBuilder<Tables>,
  client: Binding['client'],
): ControlledTransactionBuilder<Tables> {
  const setAccessMode = builder.setAccessMode.bind(builder);
  const setIsolationLevel = builder.setIsolationLevel.bind(builder);
  const execute = builder.execute.bind(builder);
  return Object.assign(builder, {
    setAccessMode: (mode: AccessMode) => bindControlled(setAccessMode(mode), client),
    setIsolationLevel: (level: IsolationLevel) => bindControlled(setIsolationLevel(level), client),
    execute: (...options: Parameters<typeof execute>) => asBound(client, () => execute(...options)),
  });
}

/**
 * What a callback gets for the connection of a transaction opens transactions too. One that it reserves outside is its own, as
 * Kysely has it, and so are transactions on it: migrations are on one.
 */
function bindConnection<Tables>(builder: ConnectionBuilder<Tables>, binding: Binding): ConnectionBuilder<Tables> {
  const execute = builder.execute.bind(builder);
  return Object.assign(builder, {
    execute<Result>(callback: (kysely: Kysely<Tables>) => Promise<Result>, options?: AbortableOperationOptions) {
      const begin: Begin = (transaction) => asBound(binding.client, transaction);
      const within = binding.isJoining() ? binding : { ...binding, begin, joins: false };
      return execute((kysely) => callback(bind(kysely, within)), options);
    },
  });
}
