import { runUntraced } from '../channels/index.ts';
import { describeTransactions, type Frame, notBegun } from '../context/index.ts';
import type { CancelTimer, Origin } from '../core/index.ts';
import {
  type Driver,
  type DriverConnection,
  type Exchange,
  type Failure,
  type QueryResult,
  rememberTexts,
  type Statement,
} from '../driver/index.ts';
import { Cancellation, cutAfter } from './cancellation.ts';
import type { LoneRead, LoneReads, TransactionalClient } from './transactional-client.ts';
import { cancelAtDeadline, deadlineExceeded, remainingTime } from './deadline.ts';
import { lostInAutocommit, withCaller } from './failures.ts';
import { Hold, metDeadConnection, NamedHolder, textsOf } from './hold.ts';
import { type HolderInfo, lookAtNamed } from '../observation/index.ts';
import { alone, CommitMark } from '../riders/index.ts';
import { isLostWithCommit, resolvedAlone } from './lost-commit.ts';
import type { SentStatements } from './transaction-parts.ts';
import type { RunningWork } from './work-in-progress.ts';

/** Statements that run outside of a transaction. */
export interface LoneStatements extends Pick<SentStatements, 'statements' | 'onSent'> {
  /** Where the program asked for them. */
  readonly origin: Origin | undefined;
  /** The id of their event, where there is one. */
  readonly eventId?: string | undefined;
}

/** Runs statements outside of a transaction, on a connection that they hold for no longer than themselves. */
export function runAutocommit(
  client: TransactionalClient,
  level: number,
  frame: Frame | undefined,
  lone: LoneStatements,
): Promise<readonly QueryResult[]> {
  const { reads } = client;
  if (reads === undefined || level > 0) return runByThemselves(client, level, frame, lone);
  return runPerhapsWithOthers(client, reads, frame, lone);
}

async function runPerhapsWithOthers(
  client: TransactionalClient,
  reads: LoneReads,
  frame: Frame | undefined,
  lone: LoneStatements,
): Promise<readonly QueryResult[]> {
  const statement = plainRead(client, frame, lone.statements);
  if (statement === undefined) return await runByThemselves(client, 0, frame, lone);
  const read = { ...lone, statement, begun: frame?.begun ?? notBegun, limit: limitOf(client, frame) };
  return await reads.run(read, (onSent) => runByThemselves(client, 0, frame, { ...lone, onSent }));
}

const lockClause = rememberTexts((text) => ({ is: /\bfor\s+(?:no\s+key\s+|key\s+)?(?:update|share)\b/i.test(text) }));

/** What may share a connection: a read that locks nothing, of a chain that holds nothing. */
function plainRead(
  { driver }: TransactionalClient,
  frame: Frame | undefined,
  statements: readonly Statement[],
): Statement | undefined {
  const [statement] = statements;
  if (statement === undefined || statements.length > 1) return undefined;
  if (driver.inspect(statement.text) !== 'read' || lockClause(statement.text).is) return undefined;
  return frame?.innermost === undefined && frame?.chain?.ancestors === undefined ? statement : undefined;
}

/** Of a read that may wait for others. @throws DeadlineExceededError if the deadline has passed */
function limitOf({ clock, name: clientName }: TransactionalClient, frame: Frame | undefined): LoneRead['limit'] {
  const at = { clientName, level: 0 };
  const remaining = remainingTime(frame, clock, () => at);
  if (remaining === undefined) return undefined;
  return { remaining, error: () => deadlineExceeded('A statement', describeTransactions(frame?.innermost), at) };
}

async function runByThemselves(
  client: TransactionalClient,
  level: number,
  frame: Frame | undefined,
  { statements, origin, onSent, eventId }: LoneStatements,
): Promise<readonly QueryResult[]> {
  const own = statements.map((statement) => ({ type: 'statement', statement }) as const);
  const withSettings = client.settings && alone(own, client.settings);
  const mark = markOf(client, level);
  const holder = new NamedHolder(client, level, frame, { name: 'single statement', origin, eventId });
  const hold = new Hold(client, level, holder, holder);
  const work = new AutocommitWork(client, hold, holder);
  let isSound = true;
  const cancellation = untilDeadline(client, frame, hold);
  client.work.add(work);
  try {
    const signal = cancellation?.signal;
    const begun = frame?.begun ?? notBegun;
    for (let isRepetition = false; ; isRepetition = true) {
      const taken = hold.take({ frame, begun, signal });
      const connection = taken instanceof Promise ? await taken : taken;
      const rider = mark?.rider(connection, statements, outermost, true);
      const flight = rider === undefined ? withSettings : alone(own, client.settings, rider);
      const steps = flight?.steps ?? own;
      onSent?.(connection);
      hold.sends(textsOf(statements));
      const running = runUntraced(() => connection.run(steps));
      const stopWatching = hold.watchLocks(statements, frame?.innermost, frame?.chain);
      cancellation?.watch(running);
      try {
        const answer = await (cancellation === undefined ? running : cancellation.race(running));
        const checked = hold.checked(answer, steps);
        const exchange: Exchange = flight?.landed(checked) ?? checked;
        const { failure, results } = exchange;
        hold.rests();
        const deadlock = stopWatching === undefined ? undefined : await stopWatching();
        isSound = failure?.kind !== 'connectionLost';
        if (failure === undefined) return results;
        if (isSound && connection.status === 'failed') isSound = await rolledBack(connection, cancellation);
        const mayRepeat = !isRepetition && work.aborted === undefined;
        if (mayRepeat && metDeadConnection(hold, failure, () => onlyRead(client.driver, statements))) {
          hold.giveBack(false);
          continue;
        }
        const failed = { exchange, failure, deadlock, isSound, mark: rider && mark };
        return await afterFailure(failed, statements, { client, hold, work, signal });
      } finally {
        if (stopWatching !== undefined) await stopWatching();
        if (cancellation !== undefined && !(await cancellation.settled())) isSound = false;
        // What was cut needs no answer to the request.
        if (work.cancelling !== undefined && isSound) await work.cancelling;
      }
    }
  } finally {
    cancellation?.stop();
    work.stop();
    hold.giveBack(isSound);
    client.work.delete(work);
  }
}

interface Failed {
  readonly exchange: Exchange;
  readonly failure: Failure;
  readonly deadlock: unknown;
  readonly isSound: boolean;
  /** By what the statements are found again. */
  readonly mark: CommitMark | undefined;
}

interface Place {
  readonly client: TransactionalClient;
  readonly hold: Hold;
  readonly work: AutocommitWork;
  readonly signal: AbortSignal | undefined;
}

/** @returns the results where they are known to have taken effect @throws what the program is told otherwise */
async function afterFailure(
  { exchange, failure, deadlock, isSound, mark }: Failed,
  statements: readonly Statement[],
  { client, hold, work, signal }: Place,
): Promise<readonly QueryResult[]> {
  const { at, connection } = hold;
  if (mark !== undefined && connection !== undefined && isLostWithCommit(exchange)) {
    hold.giveBack(false);
    return await resolvedAlone(exchange, mark, connection, statements.length, { client, at, signal });
  }
  if (work.aborted !== undefined) throw endedWith(work.aborted.reason, failure, { client, hold }, statements);
  if (!isSound) throw lostInAutocommit(at, failure.error);
  throw failure.kind === 'cancelled' && deadlock !== undefined ? deadlock : withCaller(failure.error);
}

const outermost = { parent: undefined, savepoint: undefined };

/** By what a statement outside of a transaction is found again, if its client asks for that. */
function markOf(client: TransactionalClient, level: number): CommitMark | undefined {
  const { commits } = client.driver;
  if (commits?.marksAlone !== true) return undefined;
  return new CommitMark(commits, { client, level, characteristics: { isolation: undefined, readOnly: false } });
}

/** Ends a transaction that was begun for the settings of a statement which has failed. @returns whether it is known to be over */
async function rolledBack(connection: DriverConnection, cancellation: Cancellation | undefined): Promise<boolean> {
  const running = connection.run([{ type: 'rollback' }]);
  await (cancellation === undefined ? running : cancellation.bounded(running));
  return connection.status === 'idle';
}

/** What a read calls may write. */
function onlyRead(driver: Driver, statements: readonly Statement[]): boolean {
  return statements.every(({ text }) => driver.inspect(text) === 'read' && !text.includes('('));
}

/** Cancels the statement when the deadline of its chain passes. @throws DeadlineExceededError if it has passed */
function untilDeadline(client: TransactionalClient, frame: Frame | undefined, hold: Hold): Cancellation | undefined {
  const remaining = remainingTime(frame, client.clock, () => hold.at);
  if (remaining === undefined) return undefined;
  const cancellation = new Cancellation(client.clock, () => hold.connection);
  cancelAtDeadline(cancellation, remaining, 'A statement', {
    chain: () => describeTransactions(frame?.innermost),
    at: hold.at,
  });
  return cancellation;
}

/** Statements in autocommit, as work that a closing database ends. */
class AutocommitWork implements RunningWork {
  readonly #client: TransactionalClient;
  readonly #hold: Hold;
  readonly #holder: NamedHolder;
  #cancelling: Promise<void> | undefined;
  #aborted: { readonly reason: unknown } | undefined;
  #stopCut: CancelTimer | undefined;

  constructor(client: TransactionalClient, hold: Hold, holder: NamedHolder) {
    this.#client = client;
    this.#hold = hold;
    this.#holder = holder;
  }

  look(): HolderInfo {
    return lookAtNamed('statement', this.#client, this.#holder, this.#hold);
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
    this.#cancelling = this.#hold.connection?.cancel();
    this.#stopCut = this.#client.clock.setTimer(() => void this.#hold.connection?.destroy(), cutAfter);
  }

  stop(): void {
    this.#stopCut?.();
  }
}

/** The error for statements that a closing database has ended. A write without an answer has an unknown outcome. */
function endedWith(
  reason: unknown,
  { kind, error }: Failure,
  { client, hold }: { readonly client: TransactionalClient; readonly hold: Hold },
  statements: readonly Statement[],
): unknown {
  if (kind === 'cancelled') return reason;
  if (kind !== 'connectionLost') return withCaller(error);
  return onlyRead(client.driver, statements) ? reason : lostInAutocommit(hold.at, reason);
}
