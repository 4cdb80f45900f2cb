import { ancestorsOf, describeTransactions, type Frame, holdsAtOrAbove } from '../context/index.ts';
import type { CancelTimer, ChainLink } from '../core/index.ts';
import {
  ConnectionLostError,
  type Driver,
  type DriverConnection,
  type Failure,
  type QueryResult,
  type Statement,
} from '../driver/index.ts';
import type { Holder, Lease } from '../pool/index.ts';
import { Cancellation, cutAfter } from './cancellation.ts';
import type { TransactionalClient } from './client.ts';
import { deadlineExceeded, remainingTime } from './deadline.ts';
import { withCaller } from './failures.ts';
import type { StopWatching } from './lock-watch.ts';
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
  let lease: Lease<DriverConnection> | undefined;
  let isSound = true;
  const cancellation = untilDeadline(client, frame, () => lease?.connection);
  client.work.add(holder);
  try {
    const signal = cancellation?.signal;
    const admitted = frame?.isUnderWay === true;
    const steps = statements.map((statement) => ({ type: 'statement', statement }) as const);
    for (let isRepetition = false; ; isRepetition = true) {
      const granted = client.pool.acquire({ level, holder, mayWait, admitted, signal });
      lease = granted instanceof Promise ? await granted : granted;
      holder.runsOn(lease.connection);
      const running = lease.connection.run(steps);
      const stopWatching = watchLocks(lease.connection, client, frame, statements);
      cancellation?.watch(running);
      try {
        const { failure, results } = await (cancellation === undefined ? running : cancellation.race(running));
        const deadlock = stopWatching === undefined ? undefined : await stopWatching();
        isSound = failure?.kind !== 'connectionLost';
        if (failure === undefined) return results;
        if (!isRepetition && holder.aborted === undefined && metDeadConnection(client, lease, failure, statements)) {
          client.pool.release(lease, false);
          lease = undefined;
          continue;
        }
        if (holder.aborted !== undefined) throw endedWith(holder.aborted.reason, failure, client, statements);
        if (!isSound) throw lostAlone(client, failure.error);
        throw failure.kind === 'cancelled' && deadlock !== undefined ? deadlock : withCaller(failure.error);
      } finally {
        if (stopWatching !== undefined) await stopWatching();
        if (cancellation !== undefined && !(await cancellation.settled())) isSound = false;
        // What was cut needs no answer to the request.
        if (holder.cancelling !== undefined && isSound) await holder.cancelling;
      }
    }
  } finally {
    cancellation?.stop();
    holder.stop();
    if (lease !== undefined) client.pool.release(lease, isSound && lease.connection.status === 'idle');
    client.work.delete(holder);
  }
}

/** Whether the statements met a connection that had died while it lay idle, and can have done nothing there: they are sent once more. */
function metDeadConnection(
  { driver }: TransactionalClient,
  { idled }: Lease<DriverConnection>,
  { kind, reached }: Failure,
  statements: readonly Statement[],
): boolean {
  if (kind !== 'connectionLost' || !idled) return false;
  return reached === 'unsent' || (reached === 'unanswered' && onlyRead(driver, statements));
}

/** What a read calls may write. */
function onlyRead(driver: Driver, statements: readonly Statement[]): boolean {
  return statements.every(({ text }) => driver.inspect(text) === 'read' && !text.includes('('));
}

/** Cancels the statement when its chain's deadline passes. @throws DeadlineExceededError if it has passed */
function untilDeadline(
  { clock }: TransactionalClient,
  frame: Frame | undefined,
  connection: () => DriverConnection | undefined,
): Cancellation | undefined {
  const remaining = remainingTime(frame, clock);
  if (remaining === undefined) return undefined;
  const cancellation = new Cancellation(clock, connection);
  cancellation.onTimeout(remaining, () => deadlineExceeded('A statement', describeTransactions(frame?.innermost)));
  return cancellation;
}

function watchLocks(
  connection: DriverConnection,
  { locks }: TransactionalClient,
  frame: Frame | undefined,
  statements: readonly Statement[],
): StopWatching | undefined {
  if (frame === undefined || (frame.innermost === undefined && frame.chain?.ancestors === undefined)) return undefined;
  return locks.watch({ connection, statements, ancestors: () => ancestorsOf(frame.innermost, frame.chain) });
}

/** Holds a connection for one statement. */
class StatementHolder implements Holder, RunningWork {
  readonly #client: TransactionalClient;
  readonly #level: number;
  readonly #frame: Frame | undefined;
  readonly #since: number;
  #connection: DriverConnection | undefined;
  #cancelling: Promise<void> | undefined;
  #aborted: { readonly reason: unknown } | undefined;
  #stopCut: CancelTimer | undefined;

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

  runsOn(connection: DriverConnection): void {
    this.#connection = connection;
  }

  /** Why the database has ended it, if it has. */
  get aborted(): { readonly reason: unknown } | undefined {
    return this.#aborted;
  }

  /** A request to cancel that is under way. */
  get cancelling(): Promise<void> | undefined {
    return this.#cancelling;
  }

  /** Cancels the statement on the server; if that does not answer in time, cuts the connection. */
  abort(reason: unknown): void {
    this.#aborted = { reason };
    this.#cancelling = this.#connection?.cancel();
    this.#stopCut = this.#client.clock.setTimer(() => void this.#connection?.destroy(), cutAfter);
  }

  stop(): void {
    this.#stopCut?.();
  }
}

/** The error for statements that a closing database has ended; of writes whose answer is missing nobody knows what became. */
function endedWith(
  reason: unknown,
  { kind, error }: Failure,
  client: TransactionalClient,
  statements: readonly Statement[],
): unknown {
  if (kind === 'cancelled') return reason;
  if (kind !== 'connectionLost') return withCaller(error);
  return onlyRead(client.driver, statements) ? reason : lostAlone(client, reason);
}

/** The error for a statement outside of a transaction whose connection died. */
export function lostAlone({ name }: TransactionalClient, cause: unknown): ConnectionLostError {
  return new ConnectionLostError({
    what: `The connection of client "${name}" was lost during a statement outside of a transaction`,
    remedy: 'A read can be repeated; whether a write took effect has to be looked up',
    cause,
  });
}
