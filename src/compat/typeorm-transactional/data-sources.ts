import { DataSource } from 'typeorm';
import {
  aBoolean,
  anObject,
  type Check,
  InvalidOptionError,
  label,
  readOptions,
  sharedByCopies,
} from '../../core/index.ts';
import { NoDatabaseError } from '../../index.ts';
import { type AmbientDataSource, adoptDataSource } from '../../integrations/typeorm/index.ts';

/** The name of a data source; `default` unless it was given another one. */
export type DataSourceName = string;

/** A data source with its name. */
export interface AddTransactionalDataSourceInput {
  /** For `connectionName`. Default `default`. */
  readonly name?: DataSourceName;
  /** One of `new DataSource(options)` that is not initialized yet, or of `createDataSource()` of `sluice/typeorm`. */
  readonly dataSource: DataSource;
  /** `false`: `dataSource.transaction()` inside of a transaction is a savepoint. Default `true`: it is independent. */
  readonly patch?: boolean;
}

const dataSources = sharedByCopies('compat-typeorm-data-sources', () => new Map<DataSourceName, AmbientDataSource>());

const checks: Record<keyof AddTransactionalDataSourceInput, Check> = {
  name: label(200),
  dataSource: anObject,
  patch: aBoolean,
};

/**
 * Makes a data source join the transactions of this entry, under a name.
 *
 * ```ts
 * import { addTransactionalDataSource } from 'sluice/compat/typeorm-transactional';
 * import { DataSource } from 'typeorm';
 *
 * const dataSource = addTransactionalDataSource(
 *   new DataSource({ type: 'postgres', url: process.env.DATABASE_URL ?? '', entities: [] }),
 * );
 * await dataSource.initialize();
 * ```
 * @returns the data source that it was given
 * @throws InvalidOptionError for a name that is taken, and for a data source that cannot be adopted: see `adoptDataSource`
 */
export function addTransactionalDataSource(input: DataSource | AddTransactionalDataSourceInput): DataSource {
  const owner = 'addTransactionalDataSource';
  const given = input instanceof DataSource ? { dataSource: input } : input;
  const { name = 'default', dataSource, patch = true } = readOptions(owner, given, checks, ['dataSource']);
  if (dataSources.has(name)) {
    throw new InvalidOptionError({
      what: `${owner} was called for the data source "${name}", which has been added already`,
      remedy: 'Give each data source a name of its own, or call deleteDataSourceByName() first',
    });
  }
  const adopted = adoptDataSource(dataSource);
  if (patch) leaveIndependent(adopted);
  dataSources.set(name, adopted);
  return adopted;
}

/** `dataSource.transaction()` is independent of the transaction around it, as it was with the package. */
function leaveIndependent(dataSource: AmbientDataSource): void {
  if (Object.hasOwn(dataSource, 'transaction')) return;
  const own = dataSource.transaction.bind(dataSource) as (...args: unknown[]) => Promise<unknown>;
  const transaction = async (...args: unknown[]): Promise<unknown> => {
    const { database, db } = dataSource;
    if (!db.inTransaction) return await own(...args);
    return await database.switchDbIsolate(() => own(...args), { clientName: db.clientName });
  };
  Object.defineProperty(dataSource, 'transaction', { value: transaction, writable: true, configurable: true });
}

/** The data source that was added under a name. */
export function getDataSourceByName(name: DataSourceName): DataSource | undefined {
  return dataSources.get(name);
}

/** Forgets the data source of a name, so that another one may have it. @returns whether there was one */
export function deleteDataSourceByName(name: DataSourceName): boolean {
  return dataSources.delete(name);
}

/** @throws NoDatabaseError */
export function dataSourceNamed(name: DataSourceName): AmbientDataSource {
  const dataSource = dataSources.get(name);
  if (dataSource !== undefined) return dataSource;
  throw new NoDatabaseError({
    what: `A transaction was asked for on the data source "${name}", which has not been added`,
    remedy: `Call addTransactionalDataSource() first${name === 'default' ? '' : `, with the name "${name}"`}`,
  });
}
