import type { Db } from '../database/index.ts';
import type { EventDialect } from '../driver/index.ts';
import { dialectPart, OwnTables, type SqlRunner, type SqlRunnerOptions } from '../tables/index.ts';
import { EventTablesMissingError } from './errors.ts';

/** The tables of transactional events. */
export const eventTables: OwnTables<EventDialect> = new OwnTables({
  creator: 'createEventTables',
  what: 'The tables of transactional events, or columns of them that this version has,',
  remedy: 'Call createEventTables(db) in a migration, or run what "npx sluice event-sql" prints',
  part: dialectPart('no transactional events', ({ events }) => events),
  missing: (details) => new EventTablesMissingError(details),
});

/**
 * Creates the tables `sluice_event_publication` and `sluice_event_archive` where they are missing, for durable listeners. May be
 * called again; made for a migration: in the transaction that is open for the handle, or on the query runner or client that is
 * given. On MySQL and MariaDB no transaction holds tables.
 *
 * ```ts
 * await createEventTables(database.current);
 * ```
 * @param on a handle of a database; or anything that runs SQL, such as a query runner of TypeORM or a client of `pg`
 * @throws InvalidOptionError for what is neither, or says not of which engine it is
 */
export function createEventTables(on: Db | SqlRunner, options: SqlRunnerOptions = {}): Promise<void> {
  return eventTables.create(on, options);
}

/**
 * The SQL that `createEventTables` runs, for migrations that are kept as text.
 *
 * ```ts
 * console.log(eventTablesSql('postgres'));
 * ```
 * @throws InvalidOptionError
 */
export function eventTablesSql(dialect: string): string {
  return eventTables.sql(dialect);
}
