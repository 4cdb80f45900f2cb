import { runUntraced } from '../channels/index.ts';
import { type Frame, type HistoryNote, type OpenTransaction, toTheEnd } from '../context/index.ts';
import { failureName, keepHistory } from '../core/index.ts';
import type {
  ConnectionStatus,
  DriverConnection,
  Exchange,
  Failure,
  Statement,
  Step,
  TransactionCharacteristics,
} from '../driver/index.ts';
import type { Activity } from '../observation/index.ts';
import type { Holder } from '../pool/index.ts';
import type { Cancellation } from './cancellation.ts';
import type { TransactionalClient } from './transactional-client.ts';
import type { SentStatements, Through } from './transaction-parts.ts';
import type { ChainDeadlockError } from './errors.ts';
import { giveCause, withdrawn } from './failures.ts';
import { Hold, metDeadConnection, textsOf } from './hold.ts';
import type { StopWatching } from './lock-watch.ts';
import type { PendingStep } from './savepoints.ts';

/** An exchange, and the deadlock along its chain for which it was cancelled. */
export interface Answered extends Exchange {
  readonly deadlock?: ChainDeadlockError | undefined;
}

/** The transaction that holds a connection. */
export interface Borrower extends Holder, OpenTransaction {
  readonly client: TransactionalClient;
  readonly cancellation: Cancellation;
  /** @throws TransactionEndedError once it has ended, however that came about */
  assertNotEnded(): void;
}

const commitStep: Step = { type: 'commit' };
export const commitSteps: readonly Step[] = [commitStep];
const rollbackStep: Step = { type: 'rollback' };

/** The connection of a transaction, from its first statement to its end. */
export class TransactionConnection {
  readonly #borrower: Borrower;
  readonly #hold: Hold;
  readonly #through: Through | undefined;
  #isReplacement = false;
  /** It is being taken before anything is to run. */
  #ahead: { readonly taken: Promise<void>; readonly stop: AbortController } | undefined;
  /** What was sent last; none while the transaction is being ended. */
  #sent: readonly Statement[] | undefined;
  /** Statements that must not be sent after all; undefined in most transactions. */
  #withdrawn: WeakSet<readonly Statement[]> | undefined;
  /** The server had failed the transaction before what is under way was sent. */
  #wasFailed = false;
  /** What it failed it with. */
  #failedBy: unknown;
  /** The server is asked to cancel what was sent last, by a request that could hit what comes next. */
  #cancelling: Promise<void> | undefined;
  /** Others may be sent behind what is under way. */
  #mayBeFollowed = false;
  /** On which COMMIT was sent alone: it may belong to another transaction before the answer. */
  #committed: DriverConnection | undefined;
  /** What is under way, in the history of the chain. */
  #note: HistoryNote | undefined;

  constructor(borrower: Borrower, through: Through | undefined) {
    this.#borrower = borrower;
    this.#through = through;
    this.#hold = new Hold(borrower.client, borrower.level, borrower, borrower.record);
  }

  get connection(): DriverConnection | undefined {
    const { connection } = this.#hold;
    return this.#through === undefined || connection === undefined ? connection : this.#through(connection);
  }
  /** On which it has sent its last. */
  get lastConnection(): DriverConnection | undefined {
    return this.connection ?? this.#committed;
  }
  get status(): ConnectionStatus | undefined {
    return this.#through === undefined ? this.#hold.status : this.connection?.status;
  }
  /** What it is doing, for those who look on. */
  get activity(): Activity {
    return this.#hold;
  }

  /** @throws what the pool throws; TransactionEndedError where the transaction ended during the wait */
  take(frame: Frame, last: boolean): Promise<void> {
    // What is lost behind a COMMIT is sent again, which can only be done without one of its own.
    const mayFollow = !last && this.#borrower.outer === undefined;
    return this.#ahead?.taken ?? this.#take(frame, this.#borrower.cancellation.signal, mayFollow);
  }

  /** The same, before there is a statement. A statement that comes in the meantime shares the wait; the transaction's end ends it. */
  async takeAhead(frame: Frame): Promise<void> {
    const stop = new AbortController();
    const { signal } = this.#borrower.cancellation;
    const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
    const ahead = { taken: this.#take(frame, either), stop };
    this.#ahead = ahead;
    try {
      await ahead.taken;
    } finally {
      this.#ahead = undefined;
    }
  }

  async #take(frame: Frame, signal: AbortSignal | undefined, mayFollow = false): Promise<void> {
    const taken = this.#hold.take({ frame, begun: toTheEnd, signal, mayFollow, except: this.#borrower });
    if (taken instanceof Promise) await this.#awaited(taken);
    try {
      // Cancelled and ended in the very moment in which the connection was handed over.
      this.#borrower.assertNotEnded();
    } catch (error) {
      this.#hold.giveBack(true);
      throw error;
    }
  }

  async #awaited(taken: Promise<unknown>): Promise<void> {
    const { record, client } = this.#borrower;
    const note = record.note('acquire');
    let failure: string | undefined;
    try {
      await taken;
    } catch (error) {
      failure = failureName(error);
      throw error;
    } finally {
      note.end(client.clock.now(), undefined, failure);
    }
  }

  /**
   * Gives a connection up that was found dead, if another may take its place: it had lain idle, and nothing of what was sent on it
   * can have taken effect. Once for a transaction.
   * @param commits whether a COMMIT was among what was sent
   */
  replaceDead(failure: Failure, commits: boolean): boolean {
    if (this.#hold.takeMoved()) return true;
    if (this.#isReplacement || this.#borrower.cancellation.requested !== undefined) return false;
    if (!metDeadConnection(this.#hold, failure, () => !commits)) return false;
    this.#isReplacement = true;
    this.#hold.giveBack(false);
    return true;
  }

  /** See `Hold.checked`. */
  checked(answer: Answered | undefined, steps: readonly Step[]): Answered {
    const exchange: Answered = this.#hold.checked(answer, steps);
    this.#noteAnswer(exchange);
    return exchange;
  }

  /** For the history of the chain. */
  #noteAnswer({ failure, results, ended, deadlock }: Answered): void {
    const { record, client } = this.#borrower;
    const note = this.#note;
    const name = failure === undefined ? undefined : failureName(failure.error);
    note?.end(client.clock.now(), results.at(-1)?.rowCount, name);
    if (deadlock !== undefined) record.note('lock', deadlock.relation);
    if (ended !== undefined && note?.event === 'statement') record.note(ended === 'committed' ? 'commit' : 'rollback');
    if (failure !== undefined) keepHistory(failure.error, record.history);
  }

  /** Commits, as `finish`; who waits for the connection may get it before the answer. */
  commit(): Promise<Exchange | undefined> {
    this.#committed = this.connection;
    const isPlain = this.#through === undefined && this.#cancelling === undefined;
    const mayHandOver = isPlain && this.#borrower.cancellation.requested === undefined;
    const handOver = (connection: DriverConnection): Promise<Exchange> | undefined =>
      runUntraced(() => connection.handOver?.(commitSteps));
    return this.finish(commitSteps, mayHandOver ? () => this.#hold.handOver(handOver) : undefined);
  }

  /**
   * Runs steps that end the transaction or a savepoint, cancelled with the transaction. Locks are not watched during it.
   * @param otherwise runs them in another way, where it can
   * @returns nothing where there is no connection, or the server has not answered in time
   */
  async finish(steps: readonly Step[], otherwise?: () => Promise<Exchange> | undefined): Promise<Exchange | undefined> {
    this.#sent = undefined;
    const { connection } = this;
    if (connection === undefined) return undefined;
    const running = otherwise?.() ?? this.#run(connection, steps);
    const { cancellation } = this.#borrower;
    this.#ends(steps);
    cancellation.watch(running);
    const answer = await cancellation.bounded(running);
    cancellation.watch(undefined);
    this.#hold.rests();
    return this.#inTime(answer, steps);
  }

  /** Rolls back to a savepoint and forgets it. */
  rollBackTo(name: string): Promise<Exchange | undefined> {
    return this.finish([
      { type: 'rollbackTo', name },
      { type: 'release', name },
    ]);
  }

  /** Waits for the answer no longer than for that of a cancelled statement. */
  async rollBack(): Promise<void> {
    const steps = [rollbackStep];
    const { connection } = this;
    if (connection === undefined) return;
    const running = this.#run(connection, steps);
    this.#ends(steps);
    const answer = await this.#borrower.cancellation.bounded(running);
    this.#hold.rests();
    this.#inTime(answer, steps);
  }

  /** Notes what ends the transaction or a savepoint. */
  #ends(steps: readonly Step[]): void {
    const event = endingOf(steps);
    this.#hold.sends(event);
    this.#note = this.#borrower.record.note(event);
  }

  /** Notes that the server is done with statements. */
  rests(): void {
    this.#hold.rests();
  }

  /** What came within the time, checked; nothing from a driver is an answer, too. */
  #inTime(answer: Exchange | undefined, steps: readonly Step[]): Exchange | undefined {
    return answer === undefined && this.#borrower.cancellation.inDoubt ? undefined : this.checked(answer, steps);
  }

  /** Has the server cancel the statements if they are what runs there, and never sends them if they wait for their turn. */
  async withdraw(statements: readonly Statement[]): Promise<void> {
    if (this.#sent !== statements) {
      (this.#withdrawn ??= new WeakSet()).add(statements);
      return;
    }
    const cancelling = this.connection?.cancel();
    this.#cancelling = cancelling;
    await cancelling;
    if (this.#cancelling === cancelling) this.#cancelling = undefined;
  }

  /**
   * Runs steps once no request that was for others can hit them.
   * @param check throws where they are to be sent no longer
   */
  #run(connection: DriverConnection, steps: readonly Step[], check?: () => void): Promise<Exchange> {
    if (this.#cancelling !== undefined) return this.#runAfter(this.#cancelling, connection, steps, check);
    return runUntraced(() => connection.run(steps));
  }

  async #runAfter(
    cancelling: Promise<void>,
    connection: DriverConnection,
    steps: readonly Step[],
    check?: () => void,
  ): Promise<Exchange> {
    await cancelling;
    check?.();
    return await runUntraced(() => connection.run(steps));
  }

  /** Carries out steps with these statements in them; resolves when all is known of them. */
  carryOut(steps: readonly Step[], { statements, frame, isAlone, onSent }: SentStatements): Promise<Answered> {
    const { connection } = this;
    if (connection === undefined) throw new RangeError('a statement was to run without a connection');
    if (this.#withdrawn?.has(statements) === true) throw withdrawn(this.#borrower.describe());
    this.#sent = statements;
    this.#wasFailed = connection.status === 'failed';
    const texts = textsOf(statements);
    this.#hold.sends(texts);
    for (const { type } of steps) if (type === 'savepoint') this.#borrower.record.note(type);
    this.#note = this.#borrower.record.note('statement', texts);
    onSent?.(connection);
    const { cancellation } = this.#borrower;
    const running = this.#hold.follow(
      this.#run(connection, steps, () => cancellation.throwIfRequested()),
      (error) => cancellation.request(error),
    );
    const stopWatching = this.#hold.watchLocks(statements, this.#borrower.outer, frame.chain);
    // What may be cancelled by itself is not followed: the request could hit what comes next.
    this.#mayBeFollowed = stopWatching === undefined && isAlone !== true;
    return stopWatching === undefined ? running : withDeadlock(running, stopWatching);
  }

  /** Sends statements behind those that are under way. @returns whether they are on their way */
  sendAhead({ statements, isAlone }: SentStatements): boolean {
    const { connection } = this;
    if (!this.#mayBeFollowed || isAlone === true || connection?.sendAhead === undefined) return false;
    return runUntraced(() => connection.sendAhead?.(statements)) === true;
  }

  /** A refusal of what comes after a failure says no more than that there was one, so it gets that one for its cause. */
  explain({ error }: Failure): void {
    if (!this.#wasFailed) this.#failedBy = this.status === 'failed' ? error : undefined;
    else if (this.#failedBy !== undefined) giveCause(error, this.#failedBy);
  }

  /** Gives it back; one that is not known to be free is destroyed. */
  giveBack(): void {
    this.#ahead?.stop.abort();
    this.#hold.giveBack(!this.#borrower.cancellation.inDoubt);
  }
}

function endingOf(steps: readonly Step[]): 'commit' | 'rollback' | 'rollbackTo' {
  for (const { type } of steps) if (type === 'commit' || type === 'rollback' || type === 'rollbackTo') return type;
  return 'rollbackTo';
}

/**
 * What travels in one exchange.
 * @param begin the characteristics, where BEGIN has not been sent
 * @param last whether COMMIT goes along
 */
export function stepsOf(
  begin: TransactionCharacteristics | undefined,
  pending: readonly PendingStep[],
  statements: readonly Statement[],
  last: boolean,
): readonly Step[] {
  const steps: Step[] = statements.map((statement) => ({ type: 'statement', statement }));
  if (pending.length > 0) steps.unshift(...pending.map(({ step }) => step));
  if (begin !== undefined) steps.unshift({ type: 'begin', characteristics: begin });
  if (last) steps.push(commitStep);
  return steps;
}

async function withDeadlock(running: Promise<Exchange>, stopWatching: StopWatching): Promise<Answered> {
  try {
    const exchange = await running;
    const deadlock = await stopWatching();
    return deadlock === undefined ? exchange : { ...exchange, deadlock };
  } catch (error) {
    void stopWatching();
    throw error;
  }
}
