import { createHash } from 'node:crypto';
import type { Db } from '../database/index.ts';
import type { SagasDialect } from '../driver/index.ts';
import { dialectPart, OwnTables, type SqlRunner, type SqlRunnerOptions } from '../tables/index.ts';
import { SagaTablesMissingError } from './errors.ts';

/** The tables of sagas on a client. */
export const tables: OwnTables<SagasDialect> = new OwnTables({
  creator: 'createSagaTables',
  what: 'The tables of sagas, or columns of them that this version has,',
  remedy:
    'On each client on which sagas have steps, call createSagaTables(db) in a migration, or run what "npx sluice saga-sql" prints',
  part: dialectPart('no sagas', ({ sagas }) => sagas),
  missing: (details) => new SagaTablesMissingError(details),
});

/**
 * Creates the tables of sagas where they are missing: `sluice_saga` and `sluice_saga_signal`, which are used on the client that
 * sagas live on, and `sluice_saga_step` and `sluice_saga_fence`, which are used on each client on which they have steps. May be
 * called again; made for a migration.
 *
 * ```ts
 * await createSagaTables(database.current);
 * ```
 * @param on a handle of a database; or anything that runs SQL, such as a query runner of TypeORM or a client of `pg`
 * @throws InvalidOptionError for what is neither, or says not of which engine it is
 */
export function createSagaTables(on: Db | SqlRunner, options: SqlRunnerOptions = {}): Promise<void> {
  return tables.create(on, options);
}

/**
 * The SQL that `createSagaTables` runs, for migrations that are kept as text.
 *
 * ```ts
 * console.log(sagaTablesSql('postgres'));
 * ```
 * @throws InvalidOptionError
 */
export function sagaTablesSql(dialect: string): string {
  return tables.sql(dialect);
}

/** The longest id that the tables hold, in characters. */
const longestId = 200;
const hashLength = 40;

/**
 * An id as the tables hold it. Those of children are made of others, and may be too long: of these the beginning is kept, with a hash
 * of all of it, so that it is the same wherever it is made.
 */
export function storedId(id: string): string {
  if (id.length <= longestId) return id;
  const hash = createHash('sha256').update(id).digest('hex').slice(0, hashLength);
  // Half a character, which no server stores, becomes a sign for that.
  return `${id.slice(0, longestId - hashLength - 1).toWellFormed()}~${hash}`;
}
