import type {
  AbortableOperationOptions,
  AccessMode,
  ConnectionBuilder,
  IsolationLevel,
  Kysely,
  KyselyPlugin,
  Transaction,
  TransactionBuilder,
} from 'kysely';
import {
  assertBegun,
  assertHandle,
  type BindEntry,
  bindOnce,
  clientOf,
  type OwnTransactions,
  isInTransactionOf,
  ownTransactions,
} from '../../library/index.ts';
import type { Database } from '../../index.ts';

/** What its handles are bound with. */
interface Binding {
  readonly client: ReturnType<typeof clientOf>;
  readonly own: OwnTransactions;
  /** Whether it is used in a transaction of the client. */
  readonly isJoining: () => boolean;
}

const entry: BindEntry = {
  name: 'bindKysely',
  takes: 'a Kysely: new Kysely({ dialect })',
  methods: ['transaction', 'connection', 'withPlugin', 'withoutPlugins', 'withSchema'],
};

/**
 * Lets the transactions of a Kysely over an ambient pool be ambient ones: everything below them joins, and
 * inside of another they nest. Changes the instance, and returns it.
 *
 * ```ts
 * import { Kysely, PostgresDialect } from 'kysely';
 * const dialect = new PostgresDialect({ pool: ambientPool(database) });
 * export const kysely = bindKysely(new Kysely<Tables>({ dialect }), database);
 * ```
 * @param clientName that of the ambient pool; default: the default client
 * @throws InvalidOptionError, UnknownClientError
 */
export function bindKysely<Tables, Name extends string>(
  kysely: Kysely<Tables>,
  database: Database<Name>,
  clientName?: NoInfer<Name>,
): Kysely<Tables> {
  assertHandle(entry, kysely);
  const client = clientOf(database, clientName, entry.name);
  return bind(kysely, {
    client,
    own: ownTransactions(database, clientName, 'Kysely'),
    isJoining: () => isInTransactionOf(database, client.name),
  });
}

function bind<Tables>(kysely: Kysely<Tables>, binding: Binding): Kysely<Tables> {
  if (!bindOnce(entry.name, kysely, binding.client)) return kysely;
  const transaction = kysely.transaction.bind(kysely);
  const connection = kysely.connection.bind(kysely);
  const withPlugin = kysely.withPlugin.bind(kysely);
  const withoutPlugins = kysely.withoutPlugins.bind(kysely);
  const withSchema = kysely.withSchema.bind(kysely);
  return Object.assign(kysely, {
    transaction: () => bindTransaction(transaction(), binding.own),
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
  own: OwnTransactions,
): Partial<Pick<TransactionBuilder<Tables>, 'setAccessMode'>> {
  const setAccessMode = builder.setAccessMode?.bind(builder);
  return setAccessMode === undefined
    ? {}
    : { setAccessMode: (mode: AccessMode) => bindTransaction(setAccessMode(mode), own) };
}

function bindTransaction<Tables>(
  builder: TransactionBuilder<Tables>,
  own: OwnTransactions,
): TransactionBuilder<Tables> {
  const setIsolationLevel = builder.setIsolationLevel.bind(builder);
  const execute = builder.execute.bind(builder);
  return Object.assign(builder, {
    ...accessModeOf(builder, own),
    setIsolationLevel: (level: IsolationLevel) => bindTransaction(setIsolationLevel(level), own),
    // Kysely tells what is no function by the name that it has there.
    execute: <Result>(callback: (transaction: Transaction<Tables>) => Promise<Result>) =>
      own.run(() =>
        execute((trx) => {
          assertBegun('Kysely');
          return callback(trx);
        }),
      ),
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
      return binding.isJoining()
        ? execute((kysely) => callback(bind(kysely, binding)), options)
        : execute(callback, options);
    },
  });
}
