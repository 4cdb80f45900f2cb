import { describeTransactions, type Frame, holdsAtOrAbove } from '../context/index.ts';
import type { ChainLink } from '../core/index.ts';
import { ConnectionLostError, type DriverConnection, type QueryResult, type Statement } from '../driver/index.ts';
import type { Holder, Lease } from '../pool/index.ts';
import type { TransactionalClient } from './client.ts';
import { withCaller } from './failures.ts';
import type { RunningWork } from './work.ts';

/** Runs statements outside of a transaction, on a connection that they hold for no longer than themselves. */
export async function runAlone(
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
    throw failure.kind === 'connectionLost' ? lostAlone(client, failure.error) : withCaller(failure.error);
  } finally {
    if (lease !== undefined) client.pool.release(lease, lease.connection.status === 'idle');
    client.work.delete(holder);
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
