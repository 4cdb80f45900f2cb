import type { Db } from '../database/index.ts';
import type { QueryResult, Statement } from '../driver/index.ts';
import { OwnTables, type SqlRunner, type SqlRunnerOptions } from '../tables/index.ts';
import { outboxNamed, outboxOf } from './dialects.ts';
import { OutboxMissingError } from './errors.ts';

const tables = new OwnTables({
  creator: 'createOutboxTables',
  what: 'The tables of the outbox and inbox',
  remedy: 'Call createOutboxTables(db) in a migration, or run what "npx sluice outbox-sql" prints',
  part: { of: outboxOf, named: outboxNamed },
  missing: (details) => new OutboxMissingError(details),
});

/**
 * Creates the tables of the outbox, the inbox and of consumers where they are missing. May be called again; made for a migration:
 * in the transaction that is open for the handle, or on the query runner or client that is given. On MySQL and MariaDB no
 * transaction holds tables: there they stay, whatever becomes of the migration.
 *
 * ```ts
 * await createOutboxTables(database.current);
 * ```
 * @param on a handle of a database; or anything that runs SQL, such as a query runner of TypeORM or a client of `pg`
 * @throws InvalidOptionError for what is neither, or says not of which engine it is
 */
export function createOutboxTables(on: Db | SqlRunner, options: SqlRunnerOptions = {}): Promise<void> {
  return tables.create(on, options);
}

/**
 * The SQL that `createOutboxTables` runs, for migrations that are kept as text.
 *
 * ```ts
 * console.log(outboxTablesSql('postgres'));
 * ```
 * @throws InvalidOptionError
 */
export function outboxTablesSql(dialect: string): string {
  return tables.sql(dialect);
}

/** Says what is to be done where a table is missing; any other error is passed on. */
export function withTables<Result>(db: Db, work: () => Promise<Result>): Promise<Result> {
  return tables.guard(db, work);
}

/** Asks the tables without settings by context: what they hold is of no tenant. @throws OutboxMissingError */
export function queryTables<Row = Readonly<Record<string, unknown>>>(
  db: Db,
  asked: Statement,
): Promise<QueryResult<Row>> {
  return tables.query(db, asked);
}
