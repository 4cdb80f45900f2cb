import { refuseOtherVersion } from '../core/index.ts';
import { runBare } from '../context/index.ts';
import { type Db, isDb } from '../database/index.ts';
import type { QueryResult, Statement } from '../driver/index.ts';
import { outboxNamed, outboxOf } from './dialects.ts';
import { OutboxMissingError } from './errors.ts';
import { checkArguments } from './input.ts';
import { dialectOf, checkDialect, type SqlRunner, type SqlRunnerOptions } from './sql-runner.ts';

/**
 * Creates the tables `sluice_outbox` and `sluice_inbox` where they are missing. May be called again; made for a migration:
 * in the transaction that is open for the handle, or on the query runner or client that is given. On MySQL and MariaDB no
 * transaction holds tables: there they stay, whatever becomes of the migration.
 *
 * ```ts
 * await createOutboxTables(database.current);
 * ```
 * @param on a handle of a database; or anything that runs SQL, such as a query runner of TypeORM or a client of `pg`
 * @throws InvalidOptionError for what is neither, or says not of which engine it is
 */
export async function createOutboxTables(on: Db | SqlRunner, options: SqlRunnerOptions = {}): Promise<void> {
  refuseOtherVersion('createOutboxTables', 'a handle', on);
  const isHandle = isDb(on);
  if (isHandle) {
    checkArguments('createOutboxTables', on, {});
    checkDialect(on, options);
  }
  const { create } = isHandle ? outboxOf(on) : outboxNamed(dialectOf(on, options));
  // One by one: outside of a transaction none of them keeps those waiting who write into the tables already.
  for (const statement of create) await on.query(statement);
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
  return outboxNamed(dialect)
    .create.map((statement) => `${statement};\n`)
    .join('\n');
}

/** Says what is to be done where a table is missing; any other error is passed on. */
export async function withTables<Result>(db: Db, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (!outboxOf(db).isMissingTable(cause)) throw cause;
    throw new OutboxMissingError({
      what: `The tables of the outbox and inbox are missing on client "${db.clientName}"`,
      remedy: 'Call createOutboxTables(db) in a migration, or run what "npx sluice outbox-sql" prints',
      cause,
      at: { clientName: db.clientName, level: db.level },
    });
  }
}

/** Asks the tables without settings by context: what they hold is of no tenant. @throws OutboxMissingError */
export function queryTables<Row = Readonly<Record<string, unknown>>>(
  db: Db,
  { text, values }: Statement,
): Promise<QueryResult<Row>> {
  return withTables(db, () => runBare(() => db.query<Row>(text, values)));
}
