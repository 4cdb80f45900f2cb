import type { DataSourceOptions, EntityManager, MixedList, EntitySchema } from 'typeorm';
import {
  createDatabase,
  type Database,
  InvalidOptionError,
  NoDatabaseError,
  type TransactionOptions,
} from '../../index.ts';
import { AmbientDataSource, type DatabaseSource } from './data-source.ts';

export type { AmbientDataSource } from './data-source.ts';

/** The options of TypeORM's own DataSource, less those of the connection, which Sluice has. */
type Common = Omit<Extract<DataSourceOptions, { type: 'postgres' }>, 'driver' | 'nativeDriver' | 'replication'>;

/** A data source with a database of its own. */
export interface OwnDataSourceOptions extends Common {
  /** As in other pools; `max` is the width of level 0. Default 10. */
  readonly pool?: { readonly min?: number; readonly max?: number };
}

/** A data source on a client of a database that there is. */
export interface SharedDataSourceOptions extends Partial<Omit<Common, 'type'>> {
  /** Default: the default client. */
  readonly clientName?: string;
}

let first: AmbientDataSource | undefined;

/**
 * Makes a DataSource whose statements join the ambient transaction, and whose own transactions are ambient
 * ones. The first of a process is that of `getManager()` and the other functions of this entry.
 *
 * ```
 * export const dataSource = createDataSource({ type: 'postgres', url: process.env.DATABASE_URL, entities: [] });
 * export const shared = createDataSource(database, { entities: [Order] });
 * ```
 * @throws InvalidOptionError
 */
export function createDataSource(options: OwnDataSourceOptions): AmbientDataSource;
export function createDataSource(database: Database, options?: SharedDataSourceOptions): AmbientDataSource;
export function createDataSource(
  given: OwnDataSourceOptions | Database,
  options: SharedDataSourceOptions = {},
): AmbientDataSource {
  const dataSource = 'getDb' in given ? sharedDataSource(given, options) : ownDataSource(given);
  first ??= dataSource;
  return dataSource;
}

function sharedDataSource(database: Database, { clientName, ...options }: SharedDataSourceOptions): AmbientDataSource {
  const { dialect } = database.getDb({ clientName });
  if (dialect !== 'postgres') throw wrongEngine(dialect);
  const source: DatabaseSource = {
    clientName,
    open: () => Promise.resolve(database),
    close: () => Promise.resolve(),
  };
  return new AmbientDataSource({ ...options, type: dialect }, source);
}

function ownDataSource({ pool, ...options }: OwnDataSourceOptions): AmbientDataSource {
  if (options.type !== 'postgres') throw wrongEngine(options.type);
  const { url, host, port, username, password, database, ssl, applicationName, poolSize } = options;
  const source: DatabaseSource = {
    clientName: undefined,
    async open() {
      // Loaded here, so that other engines do not need `pg`.
      const { postgres } = await import('../../drivers/postgres/index.ts');
      const given = {
        host,
        port,
        database,
        user: username,
        password,
        ssl,
        applicationName,
        max: pool?.max ?? poolSize,
      };
      const settings = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      return createDatabase({
        clients: { default: postgres({ ...settings, ...(url === undefined ? {} : { connectionString: url }) }) },
      });
    },
    close: (own, closeOptions) => own.close(closeOptions),
  };
  return new AmbientDataSource(options, source);
}

/**
 * The entity manager. It follows the ambient transaction wherever it is used, so it may be kept.
 * @throws NoDatabaseError before `createDataSource`
 */
export function getManager(): EntityManager {
  return dataSourceHere().manager;
}

/**
 * Runs `fn` in a transaction: in the one that is open here, or a new one. Everything below joins it.
 * @throws what `transaction` throws
 */
export function withTransaction<Result>(fn: () => Promise<Result>, options?: TransactionOptions): Promise<Result> {
  return dataSourceHere().inTransaction(fn, options);
}

/**
 * The same at an isolation level. Inside of a transaction that gives less it is refused.
 * @throws IncompatibleTransactionError
 */
export function withTransactionIsolation<Result>(
  isolationLevel: NonNullable<TransactionOptions['isolationLevel']>,
  fn: () => Promise<Result>,
  options: Omit<TransactionOptions, 'isolationLevel'> = {},
): Promise<Result> {
  return dataSourceHere().inTransaction(fn, { ...options, isolationLevel });
}

/**
 * Adds entities of a service to the data source, before it is initialized.
 * @throws InvalidOptionError afterwards
 */
export function registerEntities(
  ...entities: readonly (string | EntitySchema | (abstract new (...args: never[]) => unknown))[]
): void {
  const dataSource = dataSourceHere();
  if (dataSource.isInitialized) {
    throw new InvalidOptionError({
      what: 'Entities were registered after the data source had been initialized, so it would not know them',
      remedy: 'Call registerEntities() of every service before initDatabase()',
    });
  }
  const known = listOf(dataSource.options.entities);
  const added = entities.filter((entity) => !known.includes(entity));
  Object.assign(dataSource.options, { entities: [...known, ...added] });
}

/** Connects the data source; a second call does nothing. */
export async function initDatabase(): Promise<void> {
  await dataSourceHere().initialize();
}

/** Disconnects the data source, and its database if that is its own; a second call does nothing. */
export async function closeDatabase(): Promise<void> {
  const dataSource = dataSourceHere();
  if (dataSource.isInitialized) await dataSource.destroy();
}

function dataSourceHere(): AmbientDataSource {
  if (first !== undefined) return first;
  throw new NoDatabaseError({
    what: 'No data source was made in this process',
    remedy: 'Call createDataSource() first, in the module that everybody imports',
  });
}

function listOf(entities: MixedList<unknown> | undefined): unknown[] {
  return Array.isArray(entities) ? [...entities] : Object.values(entities ?? {});
}

function wrongEngine(type: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `createDataSource was asked for the engine ${typeof type === 'string' ? `"${type.slice(0, 40)}"` : typeof type}`,
    remedy: 'Give type: "postgres", or a database whose client is on PostgreSQL',
  });
}
