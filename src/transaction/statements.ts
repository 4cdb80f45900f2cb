import { currentFrame, describeTransactions, findPlace, type Frame, holdsAtOrAbove } from '../context/index.ts';
import { type ChainLink, InvalidOptionError, SluiceError, typeName } from '../core/index.ts';
import {
  ConnectionLostError,
  type DriverConnection,
  type QueryResult,
  type Statement,
  TransactionControlError,
} from '../driver/index.ts';
import type { Holder, Lease } from '../pool/index.ts';
import type { TransactionalClient } from './client.ts';
import type { Scope } from './scope.ts';
import type { Target } from './scoped.ts';
import type { RunningWork } from './work.ts';

/** Runs statements in the transaction that is open for `target`; without one, a single statement by itself. */
export async function runStatements(
  target: Target,
  statements: readonly Statement[],
  last: boolean,
): Promise<readonly QueryResult[]> {
  if (statements.length === 0) return [];
  const { client } = target;
  for (const statement of statements) checkStatement(client, statement);
  const frame = currentFrame();
  const { level, scope } = findPlace(frame, client, target.level);
  try {
    if (scope !== undefined && frame !== undefined) return await (scope as Scope).run(statements, frame, last);
    return await runAlone(client, level, frame, statements);
  } catch (error) {
    throw withCaller(error);
  }
}

async function runAlone(
  client: TransactionalClient,
  level: number,
  frame: Frame | undefined,
  statements: readonly Statement[],
): Promise<readonly QueryResult[]> {
  const holder = new StatementHolder(client, level, frame);
  const mayWait = !holdsAtOrAbove(frame, level);
  client.work.add(holder);
  let lease: Lease<DriverConnection> | undefined;
  try {
    const granted = client.pool.acquire({ level, holder, mayWait, admitted: frame !== undefined });
    lease = granted instanceof Promise ? await granted : granted;
    const steps = statements.map((statement) => ({ type: 'statement', statement }) as const);
    const { failure, results } = await lease.connection.run(steps);
    if (failure === undefined) return results;
    throw failure.kind === 'connectionLost' ? lostAlone(client, failure.error) : failure.error;
  } finally {
    if (lease !== undefined) client.pool.release(lease, lease.connection.status === 'idle');
    client.work.delete(holder);
  }
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

/** Holds a connection for one statement. */
class StatementHolder implements Holder, RunningWork {
  readonly #client: TransactionalClient;
  readonly #level: number;
  readonly #frame: Frame | undefined;
  readonly #since: number;

  constructor(client: TransactionalClient, level: number, frame: Frame | undefined) {
    this.#client = client;
    this.#level = level;
    this.#frame = frame;
    this.#since = client.clock.now();
  }

  describe(): ChainLink {
    const age = this.#client.clock.now() - this.#since;
    return {
      clientName: this.#client.name,
      level: this.#level,
      transaction: 'single statement',
      age,
      openedAt: undefined,
    };
  }

  heldBesides(): readonly ChainLink[] {
    return describeTransactions(this.#frame?.innermost);
  }

  /** The end of the pool cuts the statement's connection. */
  abort(): void {}
}

function lostAlone({ name }: TransactionalClient, cause: unknown): ConnectionLostError {
  return new ConnectionLostError({
    what: `The connection of client "${name}" was lost during a statement outside of a transaction`,
    remedy: 'A read can be repeated; whether a write took effect has to be looked up',
    cause,
  });
}

/** A server's error carries the stack of the socket that read it; this adds the stack of whoever sent the statement. */
function withCaller(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof SluiceError) return error;
  const caller: { stack?: string } = {};
  Error.captureStackTrace(caller, withCaller);
  const lines = caller.stack?.split('\n').slice(1).join('\n');
  if (lines !== undefined && error.stack?.includes(lines) === false) error.stack += `\n    --- sent by ---\n${lines}`;
  return error;
}
