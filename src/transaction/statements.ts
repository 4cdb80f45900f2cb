import { currentFrame, findPlace } from '../context/index.ts';
import { InvalidOptionError, typeName } from '../core/index.ts';
import { ImplicitCommitError, type QueryResult, type Statement, TransactionControlError } from '../driver/index.ts';
import { runAlone } from './alone.ts';
import type { TransactionalClient } from './client.ts';
import type { Scope } from './scope.ts';
import type { Target } from './scoped.ts';

/** Runs a statement in the transaction that is open for `target`, or by itself. */
export async function runStatement(target: Target, statement: Statement, last: boolean): Promise<QueryResult> {
  const [result] = await send(target, [statement], last);
  if (result === undefined) throw new RangeError('a statement that succeeded left no result');
  return result;
}

/** Runs statements in one round trip, as `runStatement` does one. */
export async function runStatements(
  target: Target,
  statements: readonly Statement[],
  last: boolean,
): Promise<readonly QueryResult[]> {
  return statements.length === 0 ? [] : await send(target, statements, last);
}

function send(target: Target, statements: readonly Statement[], last: boolean): Promise<readonly QueryResult[]> {
  const { client } = target;
  for (const statement of statements) checkStatement(client, statement);
  const frame = currentFrame();
  const { level, scope } = findPlace(frame, client, target.level);
  if (scope !== undefined && frame !== undefined) {
    for (const statement of statements) refuseImplicitCommit(client, statement);
    return (scope as Scope).run(statements, frame, last);
  }
  return runAlone(client, level, frame, statements);
}

function checkStatement({ name, driver }: TransactionalClient, { text, values }: Statement): void {
  if (typeof text !== 'string' || text.trim() === '') {
    throw new InvalidOptionError({
      what: `A query on client "${name}" got ${typeName(text)} for its text`,
      remedy: 'Give SQL text, with placeholders for values',
    });
  }
  if (values !== undefined && !Array.isArray(values)) {
    throw new InvalidOptionError({
      what: `A query on client "${name}" got ${typeName(values)} for its values`,
      remedy: 'Give an array with one value for each placeholder',
    });
  }
  if (driver.inspect(text) === 'control') {
    throw new TransactionControlError({
      what: `A query on client "${name}" would start, mark or end a transaction (${/\w+/.exec(text)?.[0]?.toUpperCase()}); it was not sent`,
      remedy: 'Use transaction(), NESTED for savepoints and the isolationLevel option instead',
    });
  }
}

function refuseImplicitCommit({ name, driver }: TransactionalClient, { text }: Statement): void {
  if (driver.inspect(text) !== 'implicitCommit') return;
  throw new ImplicitCommitError({
    what: `A statement (${/\w+/.exec(text)?.[0].toUpperCase()}) inside of a transaction on client "${name}" would commit it on the way, as the engine does; it was not sent`,
    remedy: 'Run it outside of the transaction, or in one with propagation NOT_SUPPORTED',
  });
}
