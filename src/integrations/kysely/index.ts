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
import { type InOwnTransaction, ownTransactions } from '../../ambient/index.ts';
import type { Database } from '../../index.ts';

const bound = new WeakSet<object>();

/**
 * Lets the transactions of a Kysely over an ambient pool be ambient ones: everything below them joins, and
 * inside of another they nest. Changes the instance, and returns it.
 *
 * ```
 * const dialect = new PostgresDialect({ pool: ambientPool(database) });
 * export const kysely = bindKysely(new Kysely<Tables>({ dialect }), database);
 * ```
 * @param clientName that of the ambient pool; default: the default client
 */
export function bindKysely<Tables, Name extends string>(
  kysely: Kysely<Tables>,
  database: Database<Name>,
  clientName?: NoInfer<Name>,
): Kysely<Tables> {
  return bind(kysely, ownTransactions(database, clientName, 'Kysely'));
}

function bind<Tables>(kysely: Kysely<Tables>, own: InOwnTransaction): Kysely<Tables> {
  if (bound.has(kysely)) return kysely;
  bound.add(kysely);
  const transaction = kysely.transaction.bind(kysely);
  const connection = kysely.connection.bind(kysely);
  const withPlugin = kysely.withPlugin.bind(kysely);
  const withoutPlugins = kysely.withoutPlugins.bind(kysely);
  const withSchema = kysely.withSchema.bind(kysely);
  return Object.assign(kysely, {
    transaction: () => bindTransaction(transaction(), own),
    connection: () => bindConnection(connection(), own),
    // Copies are other instances; those with other tables differ in their types alone.
    withPlugin: (plugin: KyselyPlugin) => bind(withPlugin(plugin), own),
    withoutPlugins: () => bind(withoutPlugins(), own),
    withSchema: (schema: string) => bind(withSchema(schema), own),
    ...Object.fromEntries(
      ['withTables', '$extendTables', '$omitTables', '$pickTables'].map((name) => [name, () => kysely]),
    ),
  });
}

function bindTransaction<Tables>(
  builder: TransactionBuilder<Tables>,
  own: InOwnTransaction,
): TransactionBuilder<Tables> {
  const setAccessMode = builder.setAccessMode.bind(builder);
  const setIsolationLevel = builder.setIsolationLevel.bind(builder);
  const execute = builder.execute.bind(builder);
  return Object.assign(builder, {
    setAccessMode: (mode: AccessMode) => bindTransaction(setAccessMode(mode), own),
    setIsolationLevel: (level: IsolationLevel) => bindTransaction(setIsolationLevel(level), own),
    execute: <Result>(body: (transaction: Transaction<Tables>) => Promise<Result>) => own(() => execute(body)),
  });
}

/** What a callback gets for one connection opens transactions too. */
function bindConnection<Tables>(builder: ConnectionBuilder<Tables>, own: InOwnTransaction): ConnectionBuilder<Tables> {
  const execute = builder.execute.bind(builder);
  return Object.assign(builder, {
    execute: <Result>(callback: (kysely: Kysely<Tables>) => Promise<Result>, options?: AbortableOperationOptions) =>
      execute((kysely) => callback(bind(kysely, own)), options),
  });
}
