import type { Db } from '../database/index.ts';
import { dialectPart, OwnTables, type SqlRunner, type SqlRunnerOptions } from '../tables/index.ts';
import type { IdempotencyDialect } from '../driver/index.ts';
import { IdempotencyTablesMissingError } from './errors.ts';

/** The table `sluice_idempotency`. */
export const tables: OwnTables<IdempotencyDialect> = new OwnTables({
  creator: 'createIdempotencyTables',
  what: 'The tables of idempotent calls, or columns of them that this version has,',
  remedy: 'Call createIdempotencyTables(db) in a migration, or run what "npx sluice idempotency-sql" prints',
  part: dialectPart('no idempotent calls', ({ idempotency }) => idempotency),
  missing: (details) => new IdempotencyTablesMissingError(details),
});

/**
 * Creates the table `sluice_idempotency` where it is missing. May be called again; made for a migration: in the transaction that is
 * open for the handle, or on the query runner or client that is given. On MySQL and MariaDB no transaction holds tables.
 *
 * ```ts
 * await createIdempotencyTables(database.current);
 * ```
 * @param on a handle of a database; or anything that runs SQL, such as a query runner of TypeORM or a client of `pg`
 * @throws InvalidOptionError for what is neither, or says not of which engine it is
 */
export function createIdempotencyTables(on: Db | SqlRunner, options: SqlRunnerOptions = {}): Promise<void> {
  return tables.create(on, options);
}

/**
 * The SQL that `createIdempotencyTables` runs, for migrations that are kept as text.
 *
 * ```ts
 * console.log(idempotencyTablesSql('postgres'));
 * ```
 * @throws InvalidOptionError
 */
export function idempotencyTablesSql(dialect: string): string {
  return tables.sql(dialect);
}
