import { transactionEnd, transactionStart } from '../channels/index.ts';
import {
  type BackendIdentity,
  describeTransactions,
  type Frame,
  nearestLive,
  type OpenTransaction,
  type TransactionRecord,
} from '../context/index.ts';
import type { ChainLink, Origin } from '../core/index.ts';
import {
  type Exchange,
  type Failure,
  type QueryResult,
  type Statement,
  type TransactionCharacteristics,
} from '../driver/index.ts';
import { type HolderInfo, lookAtTransaction } from '../observation/index.ts';
import { board, CommitDeadline, CommitMark, type Landed, type TransactionSettings } from '../riders/index.ts';
import { announceEnd, announceStart, linkOf } from './transaction-events.ts';
import { Cancellation } from './cancellation.ts';
import { turnLimitOf } from './deadline.ts';
import { isLostWithCommit, type LostWithCommit, outcomeOf, resultsOf } from './lost-commit.ts';
import type { TransactionalClient } from './transactional-client.ts';
import {
  commitUnknown,
  connectionLost,
  ended,
  endedBehindOurBack,
  placeOf,
  rolledBackByServer,
  unexpectedRollback,
} from './failures.ts';
import { noteFailure, type RepeatableFailures } from './repeatable-failures.ts';
import { type PendingStep, type RollbackUnit, Savepoints } from './savepoints.ts';
import {
  type Ending,
  isLive,
  isOutcome,
  type Outcome,
  toEnding,
  type TransactionState,
  transition,
} from './transaction-state.ts';
import { type Answered, type Borrower, commitSteps, stepsOf, TransactionConnection } from './transaction-connection.ts';
import type { SentStatements, TransactionParts } from './transaction-parts.ts';
import type { TurnLimit, TurnOwner } from './turns.ts';
import type { RunningWork } from './work-in-progress.ts';

/** One connection from its first statement to the answer to COMMIT or ROLLBACK. Callers see to it that one exchange is under way. */
export class PhysicalTransaction implements Borrower, RunningWork, TurnOwner {
  readonly client: TransactionalClient;
  readonly level: number;
  readonly call: object;
  readonly name: string;
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
  #savepoints: Savepoints | undefined;
  readonly cancellation: Cancellation;
  /** By the clock of its client, in milliseconds. */
  readonly openedAt: number;
  readonly record: TransactionRecord;
  #outer: OpenTransaction | undefined;
  /** Where it was asked for. */
  readonly origin: Origin;
  #characteristics: TransactionCharacteristics;
  #state: TransactionState = 'unstarted';
  readonly #held: TransactionConnection;
  #exchanges = 0;
  #repeatable: RepeatableFailures | undefined;
  /** The failure with which the server rolled the whole transaction back, in the middle of it. */
  #rolledBackBy: Failure | undefined;
  #ending: Ending | undefined;
  /** When the server had answered BEGIN. */
  #startedAt = 0;
  #commitDeadline: CommitDeadline | undefined;
  readonly #settings: TransactionSettings | undefined;
  readonly #mark: CommitMark | undefined;
  /** A BEGIN is on its way, or its answer. */
  #beginSent = false;
  /** A COMMIT is on its way, or its answer. */
  #commitSent = false;

  constructor(settings: TransactionParts) {
    this.client = settings.client;
    this.level = settings.record.level;
    this.#outer = settings.outer;
    this.call = settings.previous?.call ?? this;
    this.origin = settings.origin;
    this.name = settings.record.name;
    this.#characteristics = settings.characteristics;
    this.timeout = settings.timeout;
    this.signal = settings.signal;
    this.#settings = settings.settings;
    const commits = settings.through === undefined ? this.client.driver.commits : undefined;
    this.#mark = commits && new CommitMark(commits, this);
    this.openedAt = settings.record.openedAt;
    (this.record = settings.record).note('begin');
    this.#held = new TransactionConnection(this, settings.through);
    this.cancellation = new Cancellation(this.client.clock, () => (this.isOpen ? this.#held.connection : undefined));
    if (transactionStart.hasSubscribers) announceStart(this);
  }

  get characteristics(): TransactionCharacteristics {
    return this.#characteristics;
  }
  /** Its BEGIN is sent, or on its way. */
  get hasStarted(): boolean {
    return this.#state !== 'unstarted' || this.#beginSent;
  }
  get outcome(): Outcome | undefined {
    return isOutcome(this.#state) ? this.#state : undefined;
  }
  get isOpen(): boolean {
    return !isOutcome(this.#state);
  }
  get isLive(): boolean {
    return isLive(this.#state);
  }
  get outer(): OpenTransaction | undefined {
    return (this.#outer = nearestLive(this.#outer));
  }
  get backend(): BackendIdentity | undefined {
    return this.#held.connection?.backend;
  }
  /** Made when they are first asked for: most transactions have none. */
  get savepoints(): Savepoints {
    return (this.#savepoints ??= new Savepoints());
  }
  /** The failures that another attempt may not meet; none in most. */
  get repeatable(): RepeatableFailures | undefined {
    return this.#repeatable;
  }
  look(): HolderInfo {
    return lookAtTransaction(this, this.#held.activity);
  }

  describe(): ChainLink {
    return linkOf(this);
  }

  /** Sets the characteristics; only before BEGIN is sent. */
  begins(characteristics: TransactionCharacteristics): void {
    this.#characteristics = characteristics;
  }

  /** This transaction and those around it, outermost first. */
  chain(): readonly ChainLink[] {
    return describeTransactions(this);
  }

  heldBesides(): readonly ChainLink[] {
    return describeTransactions(this.outer);
  }

  /** Runs statements of `unit` in one round trip, with all before them that the server has not seen, and COMMIT if they are `last`. */
  async run(sent: SentStatements, unit: RollbackUnit, last: boolean): Promise<readonly QueryResult[]> {
    const { statements, frame, write } = sent;
    for (;;) {
      if (this.#state === 'lost') throw connectionLost(this, undefined);
      if (this.#rolledBackBy !== undefined) throw rolledBackByServer(this, this.#rolledBackBy.error);
      if (this.#held.connection === undefined) await this.#held.take(frame, last);
      this.cancellation.throwIfRequested();
      const pending = this.#savepoints?.pendingSteps(unit) ?? [];
      const begin = this.#state === 'unstarted' ? this.#characteristics : undefined;
      const rider = this.#settings?.rider(begin !== undefined);
      if (write) unit.noteWrite();
      this.#exchanges += 1;
      this.#beginSent = begin !== undefined;
      this.#commitSent = last;
      const own = stepsOf(begin, pending, statements, last);
      const mark = write ? this.#mark?.rider(this.#held.connection, statements, unit, last) : undefined;
      const flight = rider === undefined && mark === undefined ? undefined : board(own, rider, mark);
      const steps = flight?.steps ?? own;
      const running = this.#held.carryOut(steps, sent);
      this.cancellation.watch(running);
      if (!last) unit.turns.letFollow(this);
      try {
        const answer = this.#held.checked(await running, steps);
        const exchange = flight?.landed(answer) ?? answer;
        const { failure } = exchange;
        // It met a dead connection, which nothing had begun on: it is sent again on another one.
        if (failure !== undefined && begin !== undefined && this.#held.replaceDead(failure, last)) continue;
        if (last && isLostWithCommit(exchange)) return await this.#resolveLast(exchange, statements.length);
        this.#note(exchange, pending, unit);
        return exchange.results;
      } finally {
        this.cancellation.watch(undefined);
        this.#held.rests();
        this.#beginSent = false;
        this.#commitSent = false;
      }
    }
  }

  /** What rides with a statement, or refuses it, is known in its turn. */
  get mayBeAhead(): boolean {
    return this.#mark === undefined && this.#settings?.areAsBegun !== false;
  }
  sendAhead(sent: SentStatements): boolean {
    return this.cancellation.requested === undefined && this.isLive && this.#held.sendAhead(sent);
  }

  /** Takes the connection before the first statement. Nothing else runs in the transaction during that. */
  async connect(frame: Frame): Promise<void> {
    if (this.#held.connection === undefined) await this.#held.takeAhead(frame);
  }

  /** Takes back what a library has no more use for, whether it has been sent or not. */
  withdraw(statements: readonly Statement[]): Promise<void> {
    return this.#held.withdraw(statements);
  }

  /** Rolls back to a savepoint and forgets it. What goes wrong leaves the whole transaction for rollback alone. */
  async rollbackTo(unit: RollbackUnit): Promise<void> {
    const { savepoint } = unit;
    if (savepoint === undefined) return;
    const isThere = savepoint.established && this.#rolledBackBy === undefined;
    if (isThere && this.#state === 'started') {
      const exchange = await this.#held.rollBackTo(savepoint.name);
      const isUndone = exchange !== undefined && exchange.failure === undefined;
      if (!isUndone && this.isOpen) this.#state = transition(this.#state, 'lost');
      this.#settings?.undone();
      this.#mark?.undone();
    }
    this.savepoints.rolledBack(savepoint);
  }

  /**
   * Has the server refuse a COMMIT that reaches it after `deadline`, however long this process was stopped before. Without
   * effect on engines that cannot. @param tooLate makes the error for it
   */
  commitBy(deadline: number, tooLate: (cause: unknown) => unknown): void {
    (this.#commitDeadline ??= new CommitDeadline()).lower(deadline, tooLate);
  }

  /** Commits, and gives the connection back whatever comes of it. */
  async commit(): Promise<Ending> {
    if (this.#ending !== undefined) return this.#ending;
    const from = this.#state;
    this.#state = transition(from, 'ending');
    if (from === 'unstarted') return this.#end('committed');
    const { status } = this.#held;
    if (from === 'lost' || status === undefined || status === 'lost') {
      return this.#end('rolledBack', connectionLost(this, undefined));
    }
    // After a failed statement the server refuses the COMMIT anyhow.
    const refusal = status === 'active' ? this.#commitDeadline?.rider(this.client.driver, this.#startedAt) : undefined;
    this.#commitSent = true;
    const flight = refusal && board(commitSteps, refusal);
    const answer = await (flight === undefined ? this.#held.commit() : this.#held.finish(flight.steps));
    if (answer === undefined) return this.#endUnknown(this.cancellation.requested?.reason);
    const exchange: Landed = flight?.landed(answer) ?? answer;
    if (exchange.ended === 'committed') return this.#end('committed');
    const { failure } = exchange;
    if (isLostWithCommit(exchange)) return await this.#resolve(exchange.failure);
    if (failure?.kind === 'connectionLost') return this.#end('rolledBack', connectionLost(this, failure.error));
    if (exchange.refusedBy !== undefined) {
      await this.#held.rollBack();
      return this.#end('rolledBack', failure?.error);
    }
    this.#repeatable = noteFailure(this.#repeatable, failure);
    return this.#end(
      'rolledBack',
      failure === undefined ? unexpectedRollback(this, undefined) : this.cancellation.causeOf(failure),
    );
  }

  /** Asks the server how the transaction has ended, where it can be asked. */
  async #resolve(failure: Failure): Promise<Ending> {
    const { lastConnection: connection } = this.#held;
    this.#held.giveBack();
    const { outcome, refusal } = await outcomeOf(this.#mark, connection, this.client, this.cancellation.signal);
    if (this.#ending !== undefined) return this.#ending;
    if (outcome === 'committed') return this.#end(outcome);
    if (outcome === 'rolledBack') return this.#endLost(failure.error);
    return this.#endUnknown(this.cancellation.requested?.reason ?? refusal ?? failure.error);
  }

  /** The same for statements with which the COMMIT went. @returns their results, where there are all */
  async #resolveLast(lost: LostWithCommit, count: number): Promise<readonly QueryResult[]> {
    this.#state = toEnding(this.#state);
    const { failure } = await this.#resolve(lost.failure);
    if (failure !== undefined) throw failure.error;
    return resultsOf(lost, count, `the transaction "${this.name}"`, placeOf(this));
  }

  /** Rolls back, and gives the connection back, or destroys it if the server does not confirm. */
  async rollback(): Promise<Ending> {
    await this.cancellation.settled();
    // What was cancelled may have ended the transaction all the same, or left its outcome unknown.
    if (this.#ending !== undefined) return this.#ending;
    if (this.#commitSent) return this.#endUnknown(this.cancellation.requested?.reason);
    const from = this.#state;
    this.#state = transition(from, 'ending');
    if (from === 'started' && this.#held.status !== 'lost' && !this.cancellation.inDoubt) await this.#held.rollBack();
    return this.#end('rolledBack');
  }

  /** Whether a COMMIT is on its way: from then on the server decides the outcome. */
  get isCommitting(): boolean {
    return this.#commitSent;
  }
  /** When a wait for a turn of this transaction is given up. */
  get turnLimit(): TurnLimit {
    return turnLimitOf(this, () => this.#exchanges);
  }

  /** @throws TransactionEndedError once the transaction has ended or is being cancelled */
  assertOpen(): void {
    const { requested } = this.cancellation;
    if (requested !== undefined || this.outcome !== undefined) throw ended(this, this.name, requested?.reason);
  }

  abort(reason: unknown): void {
    this.cancellation.requestAndCut(reason);
  }

  assertNotEnded(): void {
    if (this.outcome !== undefined) throw ended(this, this.name, this.cancellation.requested?.reason);
  }

  /** Updates the state from an exchange's result. @throws the failure, if it failed */
  #note(exchange: Answered, pending: readonly PendingStep[], unit: RollbackUnit): void {
    // A cancelled statement that the server answered too late: the transaction has ended without it.
    if (!this.isOpen) throw ended(this, this.name, this.cancellation.requested?.reason);
    let { completed } = exchange;
    if (this.#state === 'unstarted' && completed > 0) {
      this.#state = transition(this.#state, 'started');
      this.#startedAt = this.client.clock.now();
      completed -= 1;
    }
    if (pending.length > 0) for (const { done } of pending.slice(0, completed)) done();
    const { failure } = exchange;
    const { status } = this.#held;
    if (exchange.ended !== undefined) this.#noteCommit(exchange);
    else if (failure === undefined && status !== 'active') throw this.#doom(unit, endedBehindOurBack(this));
    if (this.#repeatable !== undefined) this.#repeatable.overcome();
    if (failure === undefined) return;
    this.#repeatable = noteFailure(this.#repeatable, failure);
    this.#held.explain(failure);
    if (failure.kind === 'connectionLost') {
      // Lost behind the answer to COMMIT: nothing is missing.
      if (this.#ending !== undefined) return;
      throw this.#doom(unit, connectionLost(this, failure.error));
    }
    this.#doomAfter(failure, unit);
    // COMMIT itself failed: the server has rolled back already.
    if (status === 'idle' && this.#state === 'started') {
      this.#state = transition(this.#state, 'ending');
      this.#end('rolledBack');
    }
    throw (failure.kind === 'cancelled' && exchange.deadlock) || this.cancellation.explain(failure);
  }

  /** Draws what a failed statement means for what it belongs to. */
  #doomAfter(failure: Failure, unit: RollbackUnit): void {
    if (!this.isOpen) return;
    if (failure.endsTransaction === true) {
      this.#rolledBackBy = failure;
      unit.doomAll(failure.error);
    } else if (this.#held.status !== 'active' || failure.kind === 'lockTimeout') {
      unit.doom(failure.error);
    }
  }

  #noteCommit(exchange: Exchange): void {
    this.#state = transition(this.#state, 'ending');
    if (exchange.ended === 'committed') this.#end('committed');
    else throw this.#end('rolledBack', unexpectedRollback(this, undefined)).failure?.error;
  }

  #endUnknown(cause: unknown): Ending {
    this.#state = toEnding(this.#state);
    return this.#characteristics.readOnly ? this.#endLost(cause) : this.#end('unknown', commitUnknown(this, cause));
  }

  /** Nothing of it has taken effect, so that another attempt may. */
  #endLost(cause: unknown): Ending {
    this.#repeatable = noteFailure(this.#repeatable, { kind: 'connectionLost', error: cause, elsewhere: true });
    return this.#end('rolledBack', connectionLost(this, cause));
  }

  #doom(unit: RollbackUnit, error: unknown): unknown {
    unit.doom(error);
    this.#state = transition(this.#state, 'lost');
    return error;
  }

  #end(outcome: Outcome, error?: unknown): Ending {
    this.#state = transition(this.#state, outcome);
    // What was left running may know this transaction for a long time, but not those that were around it.
    this.#outer = nearestLive(this.#outer);
    this.#held.giveBack();
    if (transactionEnd.hasSubscribers) announceEnd(this, outcome);
    this.#ending = { outcome, failure: error === undefined ? undefined : { error } };
    return this.#ending;
  }
}
