import { transactionEnd, transactionStart } from '../channels/index.ts';
import {
  type Ancestor,
  ancestorsOf,
  type BackendIdentity,
  describeTransactions,
  type Frame,
  holdsAtOrAbove,
  nearestLive,
  type OpenTransaction,
} from '../context/index.ts';
import type { ChainLink, Origin } from '../core/index.ts';
import type {
  DriverConnection,
  Exchange,
  Failure,
  FailureKind,
  QueryResult,
  Statement,
  Step,
  TransactionCharacteristics,
} from '../driver/index.ts';
import type { Holder, Lease } from '../pool/index.ts';
import type { TransactionalClient } from './client.ts';
import { Cancellation } from './cancellation.ts';
import { CommitLimit } from './commit-limit.ts';
import {
  commitUnknown,
  connectionLost,
  ended,
  endedBehindOurBack,
  rolledBackByServer,
  scopeBlocked,
  unexpectedRollback,
} from './failures.ts';
import type { ChainDeadlockError } from './errors.ts';
import type { LaneLimit, LaneOwner } from './lane.ts';
import type { StopWatching } from './lock-watch.ts';
import { RepeatableFailures } from './repeatable.ts';
import { type PendingStep, Savepoints } from './savepoints.ts';
import { isLive, isOutcome, type Outcome, transition, type TransactionState } from './state.ts';
import type { AtomicUnit } from './unit.ts';
import type { RunningWork } from './work.ts';

const repeatable: ReadonlySet<FailureKind> = new Set(['serialization', 'deadlock', 'lockTimeout', 'stalePlan']);

const commitStep: Step = { type: 'commit' };

/** How a transaction ended, and the error that the caller gets for it, if any. */
export interface Ending {
  readonly outcome: Outcome;
  readonly failure: { readonly error: unknown } | undefined;
}

/** What was sent in an exchange, and what was found out while it ran. */
interface Sent {
  readonly pending: readonly PendingStep[];
  readonly unit: AtomicUnit;
  readonly last: boolean;
  readonly deadlock: ChainDeadlockError | undefined;
}

export interface TransactionSettings {
  readonly client: TransactionalClient;
  readonly level: number;
  readonly outer: OpenTransaction | undefined;
  /** The same object for all attempts of one call; none for the first. */
  readonly call: object | undefined;
  /** Where it was asked for. */
  readonly origin: Origin;
  readonly name: string | undefined;
  readonly characteristics: TransactionCharacteristics;
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * A physical transaction: one connection from its first statement to the server's answer to COMMIT
 * or ROLLBACK. Its callers see to it that one exchange is under way at a time (see `Lane`).
 */
export class Transaction implements OpenTransaction, Holder, RunningWork, LaneOwner {
  readonly client: TransactionalClient;
  readonly level: number;
  readonly call: object;
  readonly name: string;
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly savepoints: Savepoints = new Savepoints();
  readonly cancellation: Cancellation;
  #outer: OpenTransaction | undefined;
  readonly #origin: Origin;
  readonly #openedAt: number;
  #characteristics: TransactionCharacteristics;
  #state: TransactionState = 'unstarted';
  #lease: Lease<DriverConnection> | undefined;
  #hasWritten = false;
  #exchanges = 0;
  #repeatable: RepeatableFailures | undefined;
  /** The failure with which the server rolled the whole transaction back, in the middle of it. */
  #rolledBackBy: Failure | undefined;
  #ending: Ending | undefined;
  /** When the server had answered BEGIN. */
  #startedAt = 0;
  #commitLimit: CommitLimit | undefined;

  constructor(settings: TransactionSettings) {
    this.client = settings.client;
    this.level = settings.level;
    this.#outer = settings.outer;
    this.call = settings.call ?? this;
    this.#origin = settings.origin;
    this.name = settings.name ?? 'anonymous';
    this.#characteristics = settings.characteristics;
    this.timeout = settings.timeout;
    this.signal = settings.signal;
    this.#openedAt = this.client.clock.now();
    this.cancellation = new Cancellation(this.client.clock, () => this.#lease?.connection);
    if (transactionStart.hasSubscribers) transactionStart.publish(this.#event());
  }

  get characteristics(): TransactionCharacteristics {
    return this.#characteristics;
  }
  get hasStarted(): boolean {
    return this.#state !== 'unstarted';
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
    return this.#lease?.connection.backend;
  }
  get hasWritten(): boolean {
    return this.#hasWritten;
  }
  /** The failures that another attempt may not meet; none in most. */
  get repeatable(): RepeatableFailures | undefined {
    return this.#repeatable;
  }

  describe(): ChainLink {
    const { client, level, name } = this;
    const age = client.clock.now() - this.#openedAt;
    return { clientName: client.name, level, transaction: name, age, openedAt: this.#origin() };
  }

  /** Says how it is to begin, as long as the server has not heard of it. */
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

  /**
   * Runs statements of `unit` in one round trip, with everything before them that the server has not
   * seen yet, and with COMMIT after them when they are known to be the last.
   */
  async run(
    statements: readonly Statement[],
    unit: AtomicUnit,
    frame: Frame,
    last: boolean,
  ): Promise<readonly QueryResult[]> {
    if (this.#state === 'lost') throw connectionLost(this, undefined);
    if (this.#rolledBackBy !== undefined) throw rolledBackByServer(this, this.#rolledBackBy.error);
    const lease = this.#lease ?? (await this.#acquire(frame));
    this.cancellation.throwIfRequested();
    const pending = this.savepoints.pendingSteps(unit);
    const steps = this.#steps(pending, statements, last);
    this.#hasWritten ||= statements.some(({ text }) => this.client.driver.inspect(text) !== 'read');
    this.#exchanges += 1;
    const running = lease.connection.run(steps);
    this.cancellation.watch(running);
    const stopWatching = this.#watchLocks(lease, statements, frame);
    try {
      const exchange = await running;
      const deadlock = stopWatching === undefined ? undefined : await stopWatching();
      this.#note(exchange, { pending, unit, last, deadlock });
      return exchange.results;
    } finally {
      this.cancellation.watch(undefined);
    }
  }

  /** Rolls back to a savepoint and forgets it. What goes wrong leaves the whole transaction for rollback alone. */
  async rollbackTo(unit: AtomicUnit): Promise<void> {
    const { savepoint } = unit;
    if (savepoint === undefined) return;
    const isThere = savepoint.established && this.#rolledBackBy === undefined;
    if (isThere && this.#lease !== undefined && this.#state === 'started') {
      const { name } = savepoint;
      const exchange = await this.#lease.connection.run([
        { type: 'rollbackTo', name },
        { type: 'release', name },
      ]);
      if (exchange.failure !== undefined) this.#state = transition(this.#state, 'lost');
    }
    this.savepoints.rolledBack(savepoint);
  }

  /**
   * Has the server refuse a COMMIT that reaches it after `deadline`, however long this process was stopped before. Without
   * effect on engines that cannot. @param tooLate makes the error for it
   */
  commitBy(deadline: number, tooLate: (cause: unknown) => unknown): void {
    this.#commitLimit ??= new CommitLimit();
    this.#commitLimit.lower(deadline, tooLate);
  }

  /** Commits, and gives the connection back whatever comes of it. */
  async commit(): Promise<Ending> {
    if (this.#ending !== undefined) return this.#ending;
    const from = this.#state;
    this.#state = transition(from, 'ending');
    if (from === 'unstarted') return this.#end('committed');
    if (from === 'lost' || this.#lease === undefined) return this.#end('rolledBack', connectionLost(this, undefined));
    const { connection } = this.#lease;
    // After a failed statement the server refuses the COMMIT anyhow.
    const refusal =
      connection.status === 'active' ? this.#commitLimit?.refusal(this.client.driver, this.#startedAt) : undefined;
    const exchange = await connection.run(refusal === undefined ? [commitStep] : [refusal, commitStep]);
    if (exchange.ended === 'committed') return this.#end('committed');
    const { failure } = exchange;
    if (failure?.kind === 'connectionLost') return this.#end('unknown', commitUnknown(this, failure.error));
    if (refusal !== undefined && exchange.completed === 0) {
      await connection.run([{ type: 'rollback' }]);
      return this.#end('rolledBack', this.#commitLimit?.error(failure?.error));
    }
    this.#noteRepeatable(failure);
    return this.#end('rolledBack', failure?.error ?? unexpectedRollback(this, undefined));
  }

  /** Rolls back, and gives the connection back, or destroys it if the server does not confirm. */
  async rollback(): Promise<Ending> {
    if (this.#ending !== undefined) return this.#ending;
    await this.cancellation.settled();
    const from = this.#state;
    this.#state = transition(from, 'ending');
    if (from === 'started' && this.#lease?.connection.status !== 'lost') {
      await this.cancellation.bounded(this.#lease?.connection.run([{ type: 'rollback' }]));
    }
    return this.#end('rolledBack');
  }

  /** When a wait for a turn in a lane of this transaction is given up. */
  get laneLimit(): LaneLimit {
    const { clock, pool } = this.client;
    return {
      clock,
      timeout: pool.settings.acquireTimeout,
      progress: () => (this.cancellation.isRunning ? undefined : this.#exchanges),
      error: () => scopeBlocked(this, pool.settings.acquireTimeout),
    };
  }

  /** @throws TransactionEndedError once the transaction has ended or is being cancelled */
  assertOpen(): void {
    const { requested } = this.cancellation;
    if (requested !== undefined || this.outcome !== undefined) throw ended(this, this.name, requested?.reason);
  }

  abort(reason: unknown): void {
    this.cancellation.request(reason);
  }

  async #acquire(frame: Frame): Promise<Lease<DriverConnection>> {
    const { client, level } = this;
    const mayWait = !holdsAtOrAbove(frame, level, this);
    const signal = this.cancellation.signal;
    const lease = await client.pool.acquire({ level, holder: this, mayWait, admitted: true, signal });
    // Cancelled and ended in the very moment in which the connection was handed over.
    if (this.outcome !== undefined) {
      client.pool.release(lease, true);
      throw ended(this, this.name, this.cancellation.requested?.reason);
    }
    this.#lease = lease;
    return lease;
  }

  /** Only a statement that somebody of its own chain may be waiting for can be blocked by its own chain. */
  #watchLocks(
    { connection }: Lease<DriverConnection>,
    statements: readonly Statement[],
    { chain }: Frame,
  ): StopWatching | undefined {
    if (this.outer === undefined && chain?.ancestors === undefined) return undefined;
    const ancestors = (): readonly Ancestor[] => ancestorsOf(this.outer, chain);
    return this.client.locks.watch({ connection, statements, ancestors });
  }

  #steps(pending: readonly PendingStep[], statements: readonly Statement[], last: boolean): readonly Step[] {
    const steps: Step[] = statements.map((statement) => ({ type: 'statement', statement }));
    if (pending.length > 0) steps.unshift(...pending.map(({ step }) => step));
    if (this.#state === 'unstarted') steps.unshift({ type: 'begin', characteristics: this.characteristics });
    if (last) steps.push(commitStep);
    return steps;
  }

  /** Draws the consequences of an exchange. @throws the failure, if it failed */
  #note(exchange: Exchange, { pending, unit, last, deadlock }: Sent): void {
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
    const status = this.#lease?.connection.status;
    if (exchange.ended !== undefined) this.#noteCommit(exchange);
    else if (failure === undefined && status !== 'active') throw this.#doom(unit, endedBehindOurBack(this));
    if (this.#repeatable !== undefined) this.#repeatable.overcome();
    if (failure === undefined) return;
    this.#noteRepeatable(failure);
    if (failure.kind === 'connectionLost') {
      if (last) {
        this.#state = transition(this.#state === 'unstarted' ? 'started' : this.#state, 'ending');
        throw this.#end('unknown', commitUnknown(this, failure.error)).failure?.error;
      }
      throw this.#doom(unit, connectionLost(this, failure.error));
    }
    this.#doomAfter(failure, unit);
    // COMMIT itself failed: the server has rolled back already.
    if (status === 'idle' && this.#state === 'started') {
      this.#state = transition(this.#state, 'ending');
      this.#end('rolledBack');
    }
    throw failure.kind === 'cancelled' && deadlock !== undefined ? deadlock : this.cancellation.explain(failure);
  }

  /** Draws what a failed statement means for what it belongs to. */
  #doomAfter(failure: Failure, unit: AtomicUnit): void {
    if (!this.isOpen) return;
    if (failure.endsTransaction === true) {
      this.#rolledBackBy = failure;
      unit.doomAll(failure.error);
    } else if (this.#lease?.connection.status !== 'active' || failure.kind === 'lockTimeout') {
      unit.doom(failure.error);
    }
  }

  #noteCommit(exchange: Exchange): void {
    this.#state = transition(this.#state, 'ending');
    if (exchange.ended === 'committed') this.#end('committed');
    else throw this.#end('rolledBack', unexpectedRollback(this, undefined)).failure?.error;
  }

  #noteRepeatable(failure: Failure | undefined): void {
    if (failure === undefined || !repeatable.has(failure.kind)) return;
    this.#repeatable ??= new RepeatableFailures();
    this.#repeatable.note(failure);
  }

  #doom(unit: AtomicUnit, error: unknown): unknown {
    unit.doom(error);
    this.#state = transition(this.#state, 'lost');
    return error;
  }

  #end(outcome: Outcome, error?: unknown): Ending {
    this.#state = transition(this.#state, outcome);
    // What was left running may know this transaction for a long time, but not those that were around it.
    this.#outer = nearestLive(this.#outer);
    this.cancellation.stop();
    if (this.#lease !== undefined) {
      const sound = this.#lease.connection.status === 'idle' && !this.cancellation.inDoubt;
      this.client.pool.release(this.#lease, sound);
    }
    if (transactionEnd.hasSubscribers) {
      transactionEnd.publish({ ...this.#event(), outcome, duration: this.client.clock.now() - this.#openedAt });
    }
    this.#ending = { outcome, failure: error === undefined ? undefined : { error } };
    return this.#ending;
  }

  #event(): { clientName: string; level: number; transaction: string } {
    return { clientName: this.client.name, level: this.level, transaction: this.name };
  }
}
