import { type ErrorDetails, refuseOtherVersion, type SluiceError } from '../core/index.ts';
import { runBare } from '../context/index.ts';
import { clientOf, type Db, isDb } from '../database/index.ts';
import type { QueryResult, Statement, TableDialect } from '../driver/index.ts';
import type { DialectPart } from './own-dialects.ts';
import { checkDialect, dialectOf, type SqlRunner, type SqlRunnerOptions } from './sql-runner.ts';

/** What tables of Sluice's own need to be told apart from others. */
export interface OwnTablesSettings<Part extends TableDialect> {
  /** The public function that creates them: `createOutboxTables`. */
  readonly creator: string;
  /** Names them in errors: "The tables of the outbox and inbox". */
  readonly what: string;
  /** What is to be done where they are missing. */
  readonly remedy: string;
  /** Where their SQL is. */
  readonly part: DialectPart<Part>;
  /** The error for tables that are missing. */
  readonly missing: (details: ErrorDetails) => SluiceError;
}

/** Tables of Sluice's own: made in migrations, asked without settings by context, and missed with a remedy. */
export class OwnTables<Part extends TableDialect> {
  readonly #settings: OwnTablesSettings<Part>;

  constructor(settings: OwnTablesSettings<Part>) {
    this.#settings = settings;
  }

  /** The SQL on the engine of a handle. @throws InvalidOptionError for what is no handle, and for an engine without it */
  of(db: Db): Part {
    return this.#settings.part.of(db);
  }

  /** Creates the tables. @throws InvalidOptionError */
  async create(on: Db | SqlRunner, options: SqlRunnerOptions): Promise<void> {
    const { creator, part } = this.#settings;
    refuseOtherVersion(creator, 'a handle', on);
    const isHandle = isDb(on);
    if (isHandle) {
      clientOf(on);
      checkDialect(creator, on, options);
    }
    const { create, atOnce = String } = isHandle ? part.of(on) : part.named(dialectOf(creator, on, options));
    // One by one: outside of a transaction none of them keeps those waiting who write into the tables already.
    for (const statement of create) await on.query(atOnce(statement));
  }

  /** The SQL that `create` runs, as text. @throws InvalidOptionError */
  sql(dialect: string): string {
    const { create } = this.#settings.part.named(dialect);
    return create.map((statement) => `${statement};\n`).join('\n');
  }

  /** Says what is to be done where a table is missing; any other error is passed on. */
  async guard<Result>(db: Db, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (cause) {
      const { part, what, remedy, missing } = this.#settings;
      if (!part.of(db).isMissingTable(cause)) throw cause;
      const { clientName, level } = db;
      throw missing({
        what: `${what} are missing on client "${clientName}"`,
        remedy,
        cause,
        at: { clientName, level },
      });
    }
  }

  /** Asks the tables without settings by context: what they hold is of no tenant. @throws what `missing` gives */
  query<Row = Readonly<Record<string, unknown>>>(db: Db, { text, values }: Statement): Promise<QueryResult<Row>> {
    return this.guard(db, () => runBare(() => db.query<Row>(text, values)));
  }
}
