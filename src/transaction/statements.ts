import { currentFrame, findPlace } from '../context/index.ts';
import { InvalidOptionError, SluiceError, typeName } from '../core/index.ts';
import { type QueryResult, type Statement, TransactionControlError } from '../driver/index.ts';
import { runAlone } from './alone.ts';
import type { TransactionalClient } from './client.ts';
import type { Scope } from './scope.ts';
import type { Target } from './scoped.ts';

/** Runs a statement in the transaction that is open for `target`, or by itself. */
export async function runStatement(target: Target, statement: Statement, last: boolean): Promise<QueryResult> {
  try {
    const [result] = await send(target, [statement], last);
    if (result === undefined) throw new RangeError('a statement that succeeded left no result');
    return result;
  } catch (error) {
    throw withCaller(error, runStatement);
  }
}

/** Runs statements in one round trip, as `runStatement` does one. */
export async function runStatements(
  target: Target,
  statements: readonly Statement[],
  last: boolean,
): Promise<readonly QueryResult[]> {
  if (statements.length === 0) return [];
  try {
    return await send(target, statements, last);
  } catch (error) {
    throw withCaller(error, runStatements);
  }
}

function send(target: Target, statements: readonly Statement[], last: boolean): Promise<readonly QueryResult[]> {
  const { client } = target;
  for (const statement of statements) checkStatement(client, statement);
  const frame = currentFrame();
  const { level, scope } = findPlace(frame, client, target.level);
  if (scope !== undefined && frame !== undefined) return (scope as Scope).run(statements, frame, last);
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

/** A server's error carries the stack of the socket that read it; this adds the stack of whoever sent the statement. */
function withCaller(error: unknown, above: (...args: never[]) => unknown): unknown {
  if (!(error instanceof Error) || error instanceof SluiceError) return error;
  const caller: { stack?: string } = {};
  Error.captureStackTrace(caller, above);
  const lines = caller.stack?.split('\n').slice(1).join('\n');
  if (lines !== undefined && error.stack?.includes(lines) === false) error.stack += `\n    --- sent by ---\n${lines}`;
  return error;
}
