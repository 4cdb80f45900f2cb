import { statementTrace, isWatched } from '../channels/index.ts';
import { runAutocommit, type SentStatements, type TransactionalClient } from '../connection/index.ts';
import { chainIdOf, currentFrame, findPlace, type Frame, frameOfCall } from '../context/index.ts';
import {
  aBoolean,
  type Check,
  InvalidOptionError,
  isInstance,
  keepHistory,
  located,
  type Origin,
  readOptions,
  sampleOrigin,
  SluiceError,
  typeName,
} from '../core/index.ts';
import {
  checkValues,
  firstWord,
  ImplicitCommitError,
  isSql,
  type QueryResult,
  type RowOf,
  type Sql,
  type Statement,
  type StatementKind,
  toStatement,
  TransactionControlError,
} from '../driver/index.ts';
import { traceStatements } from '../observation/index.ts';
import type { TransactionOptions } from './options.ts';
import { placeOfTarget, runScope, type Target } from './propagate.ts';
import type { Scope } from './scope.ts';

/** Options of one statement. */
export interface QueryOptions {
  /**
   * The transaction's last statement: its COMMIT travels with it and saves a round trip. Statements
   * that follow in the same scope are refused. Without effect in a scope that joins or nests.
   */
  readonly last?: boolean | undefined;
}

/** How statements are sent. */
export interface SendOptions {
  /** As in `QueryOptions`. */
  readonly last: boolean;
  /** As in `SentStatements`. */
  readonly isAlone: boolean;
}

const asUsual: SendOptions = { last: false, isAlone: false };
const asLast: SendOptions = { last: true, isAlone: false };

/** How many calls may lie between the program and a statement. */
const callsBetween = 8;

const queryChecks: Record<keyof QueryOptions, Check> = { last: aBoolean };

/** Runs a statement in the transaction that is open for `target`, or by itself. */
export async function runStatement(
  target: Target,
  statement: Statement,
  options: QueryOptions | undefined,
): Promise<QueryResult> {
  const last = options !== undefined && readOptions('query', options, queryChecks).last === true;
  try {
    const [result] = await send(target, [statement], last ? asLast : asUsual, runStatement);
    if (result === undefined) throw new RangeError('a statement that succeeded left no result');
    return result;
  } catch (error) {
    throw explained(error, target);
  }
}

/** Where a statement failed, and what its chain had gone through. */
function explained(error: unknown, target: Target): unknown {
  const record = currentFrame()?.innermost?.record;
  if (record !== undefined && isInstance(error, SluiceError)) keepHistory(error, record.history);
  return located(error, () => placeOfTarget(target));
}

/** The results of statements, in their order. */
export type ResultsOf<Statements extends readonly Sql<unknown>[]> = {
  readonly [Index in keyof Statements]: QueryResult<RowOf<Statements[Index]>>;
};

/** The statement to be sent for what a program gives. @throws InvalidOptionError */
export function readStatement({ client }: Target, given: Sql<unknown>): Statement {
  return toStatement(given, (name) => client.driver.quoteName(name));
}

/** Runs statements that are known in advance as one transaction, in one round trip. */
export function runBatch<const Statements extends readonly Sql<unknown>[]>(
  target: Target,
  statements: Statements,
  options: TransactionOptions | undefined,
): Promise<ResultsOf<Statements>> {
  let read: readonly Statement[];
  try {
    read = readBatch(target, statements);
  } catch (error) {
    return Promise.reject(located(error, () => placeOfTarget(target)));
  }
  return runScope(target, () => runStatements(target, read, asLast), options) as Promise<ResultsOf<Statements>>;
}

/** @throws InvalidOptionError */
function readBatch(target: Target, statements: unknown): readonly Statement[] {
  const { name } = target.client;
  if (!Array.isArray(statements)) {
    throw new InvalidOptionError({
      what: `A batch on client "${name}" got ${typeName(statements)} for its statements`,
      remedy: 'Give an array of statements, made with sql`...` or statement(text, values)',
    });
  }
  return Array.from(statements, (given: unknown, index) => {
    if (isSql(given)) return readStatement(target, given);
    throw new InvalidOptionError({
      what: `A batch on client "${name}" got ${typeName(given)} for its statement ${index + 1}`,
      remedy: 'Make each with sql`...` or statement(text, values): an object from elsewhere is never taken for one',
    });
  });
}

/** Runs statements in one round trip, as `runStatement` does one. */
export async function runStatements(
  target: Target,
  statements: readonly Statement[],
  options: SendOptions = asUsual,
): Promise<readonly QueryResult[]> {
  try {
    return statements.length === 0 ? [] : await send(target, statements, options, runStatements);
  } catch (error) {
    throw explained(error, target);
  }
}

/** @param entry the function that the program, or what is between, has called */
function send(
  target: Target,
  statements: readonly Statement[],
  { last, isAlone }: SendOptions,
  entry: (...args: never[]) => unknown,
): Promise<readonly QueryResult[]> {
  const { client } = target;
  const kinds = statements.map((statement) => kindOf(client, statement));
  const frame = frameOfCall();
  const { level, scope } = findPlace(frame, client, target.level);
  if (scope === undefined || frame === undefined) {
    return sendAlone({ client, level, frame }, statements, sampleOrigin(entry, callsBetween));
  }
  const committing = kinds.indexOf('implicitCommit');
  if (committing !== -1) throw implicitCommit(client, statements[committing]);
  const sent = { statements, frame, write: kinds.some((kind) => kind !== 'read'), isAlone };
  return isWatched(statementTrace) ? sendTraced(scope as Scope, sent, last) : (scope as Scope).run(sent, last);
}

/** Where statements run that are in no transaction. */
interface LonePlace {
  readonly client: TransactionalClient;
  readonly level: number;
  readonly frame: Frame | undefined;
}

function sendAlone(
  { client, level, frame }: LonePlace,
  statements: readonly Statement[],
  origin: Origin,
): Promise<readonly QueryResult[]> {
  const lone = { statements, origin, onSent: undefined };
  if (!isWatched(statementTrace)) return runAutocommit(client, level, frame, lone);
  const parentId = frame?.innermost?.record.id;
  const place = { parentId, chainId: chainIdOf(frame), client, level, name: 'single statement', origin };
  return traceStatements(place, statements, false, (onSent, eventId) =>
    runAutocommit(client, level, frame, { ...lone, onSent, eventId }),
  );
}

function sendTraced(scope: Scope, sent: SentStatements, last: boolean): Promise<readonly QueryResult[]> {
  const { client, level, name, origin, record } = scope.transaction;
  const { chainId, attempt } = record;
  const place = { parentId: scope.id, chainId, client, level, name, attempt, origin };
  return traceStatements(place, sent.statements, last && scope.endsWhole, (onSent) =>
    scope.run({ ...sent, onSent }, last),
  );
}

/** Checks a statement, and says what kind it is. @throws InvalidOptionError, TransactionControlError */
function kindOf({ name, driver }: TransactionalClient, { text, values }: Statement): StatementKind {
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
  if (values !== undefined) checkValues(name, values);
  const kind = driver.inspect(text);
  if (kind === 'control') {
    throw new TransactionControlError({
      what: `A query on client "${name}" would begin, mark or end a transaction (${firstWord(text)}); it was not sent`,
      remedy: 'Use transaction(), NESTED for savepoints and the isolationLevel option instead',
    });
  }
  return kind;
}

function implicitCommit({ name }: TransactionalClient, statement: Statement | undefined): ImplicitCommitError {
  return new ImplicitCommitError({
    what: `A statement (${firstWord(statement?.text ?? '')}) inside a transaction on client "${name}" would commit the transaction implicitly; it was not sent`,
    remedy: 'Run it outside of the transaction, or in one with propagation NOT_SUPPORTED',
  });
}
