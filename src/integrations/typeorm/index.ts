import type { EntityManager, MixedList, EntitySchema } from 'typeorm';
import { clientOf } from '../../library/index.ts';
import { reading, readOpen } from '../../core/index.ts';
import { type Database, InvalidOptionError, NoDatabaseError, type TransactionOptions } from '../../index.ts';
import { engines, isType } from './client.ts';
import { AmbientDataSource, type DatabaseSource } from './data-source.ts';
import { type ClientOption, type OptionsOf, type RefusedOption, refuseOptions } from './options.ts';
import { first } from './first.ts';
import { ownDatabase } from './own-database.ts';

export { adoptDataSource } from './adopt.ts';
export type { AmbientDataSource } from './data-source.ts';

/** The options of TypeORM's own DataSource on an engine, less those that are refused. */
type Common<Type extends 'postgres' | 'mysql' | 'mariadb'> = Omit<OptionsOf<Type>, RefusedOption | 'type'>;

/** Options of a data source that creates a database of its own. */
export type OwnDataSourceOptions = {
  /** `max` is the width of level 0, default 10. `min` counts for nothing: connections are opened when they are needed. */
  readonly pool?: {
    /** Without effect. */
    readonly min?: number;
    /** The width of level 0. Default 10. */
    readonly max?: number;
  };
} & (
  | ({
      /** PostgreSQL. */
      readonly type: 'postgres';
    } & Common<'postgres'>)
  | ({
      /** MySQL or MariaDB. */
      readonly type: 'mysql' | 'mariadb';
    } & Common<'mysql' | 'mariadb'>)
);

/** Options of a data source on a client of an existing database. */
export type SharedDataSourceOptions = Partial<
  Omit<Common<'postgres'>, ClientOption> | Omit<Common<'mysql' | 'mariadb'>, ClientOption>
> & {
  /** Default: the default client. */
  readonly clientName?: string;
  /** What TypeORM may expect of a server that both MySQL and MariaDB are; on MariaDB its inserts return values. Default `mysql`. */
  readonly type?: 'mysql' | 'mariadb';
};

/**
 * Makes a DataSource whose statements join the ambient transaction, and whose own transactions are ambient
 * ones. The first of a process is that of `getManager()` and the other functions of this entry.
 *
 * ```ts
 * export const dataSource = createDataSource({ type: 'postgres', url: process.env.DATABASE_URL, entities: [] });
 * export const shared = createDataSource(database, { entities: [OrderEntity] });
 * ```
 * @throws InvalidOptionError
 */
export function createDataSource(options: OwnDataSourceOptions): AmbientDataSource;
export function createDataSource(database: Database, options?: SharedDataSourceOptions): AmbientDataSource;
export function createDataSource(
  source: OwnDataSourceOptions | Database,
  options: SharedDataSourceOptions = {},
): AmbientDataSource {
  const dataSource = isDatabase(source) ? sharedDataSource(source, options) : ownDataSource(source);
  first.dataSource ??= dataSource;
  return dataSource;
}

function isDatabase(source: OwnDataSourceOptions | Database | null): source is Database {
  if (typeof source === 'object' && source !== null) return reading('createDataSource', () => 'getDb' in source);
  throw new InvalidOptionError({
    what: `createDataSource got ${source === null ? 'null' : typeof source}`,
    remedy: 'Give a database, or the options of a DataSource of its own',
  });
}

function sharedDataSource(database: Database, given: SharedDataSourceOptions): AmbientDataSource {
  const { clientName, type: asked, ...options } = readOpen('createDataSource', given, ['clientName', 'type']);
  const { dialect, libraryNames } = clientOf(database, clientName).driver;
  const types = libraryNames?.typeorm?.filter(isType) ?? [];
  const [byDefault] = types;
  if (byDefault === undefined) throw wrongEngine(dialect);
  const type = asked ?? byDefault;
  if (!types.includes(type)) throw otherEngine(type, dialect, types);
  refuseOptions('createDataSource', engines[type], options, true);
  const source: DatabaseSource = {
    clientName,
    open: () => Promise.resolve(database),
    close: () => Promise.resolve(),
  };
  return new AmbientDataSource({ ...options, type }, source);
}

function ownDataSource(given: OwnDataSourceOptions): AmbientDataSource {
  const { pool, ...options } = readOpen('createDataSource', given, ['pool']);
  const source = ownDatabase('createDataSource', options, pool);
  if (source === undefined) throw wrongEngine(options.type);
  return new AmbientDataSource(options, source);
}

/**
 * The entity manager. It follows the ambient transaction wherever it is used, so it may be kept.
 *
 * ```ts
 * const found = await getManager().findOneBy(OrderEntity, { id });
 * ```
 * @throws NoDatabaseError before `createDataSource`
 */
export function getManager(): EntityManager {
  return dataSourceHere().manager;
}

/**
 * Runs `fn` in a transaction: in the one that is open here, or a new one. Everything below joins it.
 *
 * ```ts
 * await withTransaction(async () => {
 *   await getManager().save(OrderEntity, { paid: true });
 * });
 * ```
 * @throws what `transaction` throws
 */
export async function withTransaction<Result>(
  fn: () => Promise<Result>,
  options?: TransactionOptions,
): Promise<Result> {
  return await dataSourceHere().inTransaction(fn, options);
}

/**
 * The same at an isolation level. Inside of a transaction that gives less it is refused.
 *
 * ```ts
 * await withTransactionIsolation('SERIALIZABLE', () => checkout(id));
 * ```
 * @throws IncompatibleTransactionError
 */
export async function withTransactionIsolation<Result>(
  isolationLevel: NonNullable<TransactionOptions['isolationLevel']>,
  fn: () => Promise<Result>,
  options: Omit<TransactionOptions, 'isolationLevel'> = {},
): Promise<Result> {
  // A prototype's options count as they do elsewhere; an isolation level among them does not.
  const given: unknown =
    typeof options === 'object' && options !== null
      ? Object.create(options, { isolationLevel: { value: isolationLevel, enumerable: true } })
      : options;
  return await dataSourceHere().inTransaction(fn, given as TransactionOptions);
}

/**
 * Adds entities of a service to the data source, before it is initialized.
 *
 * ```ts
 * registerEntities(OrderEntity);
 * await initDatabase();
 * ```
 * @throws InvalidOptionError afterwards
 */
export function registerEntities(
  ...entities: readonly (string | EntitySchema | (abstract new (...args: never[]) => unknown))[]
): void {
  const dataSource = dataSourceHere();
  if (dataSource.isInitialized) {
    throw new InvalidOptionError({
      what: 'registerEntities was called after the data source was initialized',
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
  if (first.dataSource !== undefined) return first.dataSource;
  throw new NoDatabaseError({
    what: 'A function of sluice/typeorm was called before createDataSource()',
    remedy: 'Call createDataSource() first, in a module that all others import',
  });
}

function listOf(entities: MixedList<unknown> | undefined): unknown[] {
  return Array.isArray(entities) ? [...entities] : Object.values(entities ?? {});
}

function wrongEngine(type: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `createDataSource was asked for the engine ${typeof type === 'string' ? `"${type.slice(0, 40)}"` : typeof type}`,
    remedy: 'Give type "postgres", "mysql" or "mariadb", or a database whose client is on one of these',
  });
}

function otherEngine(type: unknown, dialect: string, types: readonly string[]): InvalidOptionError {
  return new InvalidOptionError({
    what: `createDataSource got ${typeof type === 'string' ? `"${type.slice(0, 40)}"` : typeof type} for the option "type", and a database whose client is on ${dialect}`,
    remedy: types.length === 1 ? 'Leave it out' : `Give ${types.map((each) => `"${each}"`).join(' or ')}`,
  });
}
