import type { LibrarySession } from '../../../library/index.ts';
import { type QueryResult, type Statement, TransactionControlError } from '../../../driver/index.ts';
import { planOf } from './library-text.ts';
import type { RunStatements } from './portal.ts';
import type { QueryRequest } from './request.ts';
import { commandResult, pgResult } from './results.ts';

/** The command that pg names for what the server was not asked. */
const commands = {
  begin: 'BEGIN',
  characteristics: 'SET',
  nextCharacteristics: 'SET',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  savepoint: 'SAVEPOINT',
  release: 'RELEASE',
  rollbackTo: 'ROLLBACK',
  untranslatable: null,
} as const;

/** Carries out a query on a connection that was checked out. Several statements give several results. */
export async function executeOn(session: LibrarySession, request: QueryRequest, isAlone = false): Promise<unknown> {
  const { control } = planOf(request.text);
  if (control === undefined) return await execute((statements) => session.run(statements, isAlone), request);
  const statement: Statement = { text: request.text, native: pgResult(request.rowMode, request.types) };
  return (await session.control(control, statement)) ?? commandResult(commands[control.type]);
}

/** Carries out a query where the caller is. @throws TransactionControlError for a text that would begin or end something */
export async function executeHere(run: RunStatements, request: QueryRequest): Promise<unknown> {
  if (planOf(request.text).control !== undefined) {
    throw new TransactionControlError({
      what: 'A query of an ambient pool would begin, mark or end a transaction on an arbitrary connection; it was not sent',
      remedy: "Use transaction(), the library's own transaction function, or connect() for a connection of your own",
    });
  }
  return await execute(run, request);
}

async function execute(run: RunStatements, request: QueryRequest): Promise<unknown> {
  const { text, values, rowMode, types } = request;
  const native = pgResult(rowMode, types);
  const { statements } = planOf(request.text);
  if (statements.length === 0) return commandResult(null);
  // With values it is one statement, and the server says so if it is not.
  const isOne = statements.length === 1 || (values !== undefined && values.length > 0);
  const results: readonly QueryResult[] = await run(
    isOne ? [{ text, values, native }] : statements.map((statement) => ({ text: statement, native })),
  );
  return results.length === 1 ? results[0] : results;
}
