import type { LibrarySession } from '../../../library/index.ts';
import { firstWord, type QueryResult, type Statement, TransactionControlError } from '../../../driver/index.ts';
import type { NativeResult } from '../exchange/statement.ts';
import { controlIn } from './library-text.ts';

/** What mysql2 calls back with: rows or a header, and the columns. */
export type Answer = NativeResult['native'];

/**
 * Carries out a query on a connection that was checked out.
 * @param isAlone it may be taken back
 */
export async function executeOn(session: LibrarySession, statement: Statement, isAlone = false): Promise<Answer> {
  const control = controlIn(statement.text);
  if (control === undefined) return answerOf((await session.run([statement], isAlone))[0]);
  if (control.type === 'untranslatable') throw changesSession(statement);
  const result = await session.control(control, statement);
  return result === undefined ? [header(), undefined] : answerOf(result);
}

/** Carries out a query where the caller is. @throws TransactionControlError for a text that would begin or end something */
export async function executeHere(
  run: (statements: readonly Statement[]) => Promise<readonly QueryResult[]>,
  statement: Statement,
): Promise<Answer> {
  if (controlIn(statement.text) !== undefined) {
    throw new TransactionControlError({
      what: 'A query of an ambient pool would begin, mark or end a transaction on an arbitrary connection; it was not sent',
      remedy:
        "Use transaction(), the library's own transaction function, or getConnection() for a connection of your own",
    });
  }
  return answerOf((await run([statement]))[0]);
}

function answerOf(result: QueryResult | undefined): Answer {
  return (result as unknown as NativeResult).native;
}

/** What the server would answer to a command that it was not asked. */
function header(): object {
  return { fieldCount: 0, affectedRows: 0, insertId: 0, info: '', serverStatus: 3, warningStatus: 0, changedRows: 0 };
}

function changesSession({ text }: Statement): TransactionControlError {
  return new TransactionControlError({
    what: `A query (${firstWord(text)}) of an ambient pool would change how transactions work for the next holder of the connection; it was not sent`,
    remedy: "Use the options of transaction() or of the library's own transaction function",
  });
}
