import type { Db } from '../database/index.ts';
import { outboxDialect } from './dialects.ts';
import { OutboxMissingError } from './errors.ts';
import { checkArguments } from './input.ts';

/** Creates the tables `sluice_outbox` and `sluice_inbox` where they are missing. May be called again; made for a migration. */
export async function createOutboxTables(db: Db): Promise<void> {
  checkArguments('createOutboxTables', db, {});
  for (const statement of outboxDialect(db.dialect).create) await db.query(statement);
}

/** The SQL that `createOutboxTables` runs, for migrations that are kept as text. @throws InvalidOptionError */
export function outboxTablesSql(dialect: string): string {
  return outboxDialect(dialect)
    .create.map((statement) => `${statement};\n`)
    .join('\n');
}

/** Says what is to be done where a table is missing; any other error is passed on. */
export async function withTables<Result>(db: Db, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (!outboxDialect(db.dialect).isMissingTable(cause)) throw cause;
    throw new OutboxMissingError({
      what: `The tables of the outbox and inbox are missing on client "${db.clientName}"`,
      remedy: 'Call createOutboxTables(db) in a migration, or run what "npx sluice outbox-sql" prints',
      cause,
    });
  }
}
