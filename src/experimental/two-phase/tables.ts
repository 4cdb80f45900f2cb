import type { Db } from '../../database/index.ts';
import type { TwoPhaseDialect } from '../../driver/index.ts';
import { dialectPart, OwnTables, type SqlRunner, type SqlRunnerOptions } from '../../tables/index.ts';
import { TwoPhaseTablesMissingError } from './errors.ts';

/** The tables of decisions on a client. */
export const tables: OwnTables<TwoPhaseDialect> = new OwnTables({
  creator: 'createTwoPhaseTables',
  what: 'The tables of two-phase commits',
  remedy:
    'On each client that is the first of a twoPhase() call, run createTwoPhaseTables(db) in a migration, or what twoPhaseTablesSql() gives',
  part: dialectPart('no two-phase commit', ({ twoPhase }) => twoPhase),
  missing: (details) => new TwoPhaseTablesMissingError(details),
});

/**
 * Creates the tables of two-phase commits where they are missing: `sluice_two_phase`, which holds the decisions, and
 * `sluice_two_phase_home`, which names the database. They are used on each client that is the first of a `twoPhase` call. May be
 * called again; made for a migration.
 *
 * ```ts
 * await createTwoPhaseTables(database.getDb({ clientName: 'orders' }));
 * ```
 * @param on a handle of a database; or anything that runs SQL, such as a query runner of TypeORM or a client of `pg`
 * @throws InvalidOptionError for what is neither, or says not of which engine it is
 */
export function createTwoPhaseTables(on: Db | SqlRunner, options: SqlRunnerOptions = {}): Promise<void> {
  return tables.create(on, options);
}

/**
 * The SQL that `createTwoPhaseTables` runs, for migrations that are kept as text.
 *
 * ```ts
 * console.log(twoPhaseTablesSql('postgres'));
 * ```
 * @throws InvalidOptionError
 */
export function twoPhaseTablesSql(dialect: string): string {
  return tables.sql(dialect);
}
