import { AcquireTrace, acquireTrace, connectionRelease, isWatched } from '../channels/index.ts';
import {
  type Ancestor,
  ancestorsOf,
  assertTakes,
  type Begun,
  chainIdOf,
  describeTransactions,
  type Frame,
  type HeldByJob,
  holdsAtOrAbove,
  type OpenTransaction,
  toTheEnd,
} from '../context/index.ts';
import { type ChainLink, type ErrorPlace, nextId, type Origin } from '../core/index.ts';
import {
  type ConnectionStatus,
  type DriverConnection,
  type Exchange,
  type Failure,
  isAnswer,
  type Statement,
  type Step,
  wrongAnswer,
} from '../driver/index.ts';
import type { Running } from '../observation/index.ts';
import type { AcquireRequest, Holder, Lease } from '../pool/index.ts';
import type { TransactionalClient } from './transactional-client.ts';
import type { StopWatching } from './lock-watch.ts';

/** The names that events and lists know a holder of a connection by. */
export interface NamedInChain {
  /** Names it among all of all processes. */
  readonly id: string;
  /** Names the chain that it belongs to. */
  readonly chainId: string;
  /** The transaction around it. */
  readonly parentId: string | undefined;
  /** The event that a request for its connection is a part of. */
  readonly eventId: string | undefined;
  /** The name of the transaction, or what it is instead. */
  readonly name: string;
}

/** How a connection is taken. */
export interface TakeOptions {
  /** The frame from which it is taken. */
  readonly frame: Frame | undefined;
  /** When the work began that it is for: a database that closes gives it to what had begun. */
  readonly begun: Begun;
  /** Gives up waiting for it. */
  readonly signal: AbortSignal | undefined;
  /** Whether it may be one whose COMMIT is under way; what is to be sent is sent at once. */
  readonly mayFollow?: boolean | undefined;
  /** A transaction that does not count as holding a connection: the one that takes it. */
  readonly except?: OpenTransaction | undefined;
}

/**
 * A connection while it is held: by statements in autocommit, a library's checkout or a transaction. Written once are the
 * rules that all three share: who may wait for a connection, whose locks are watched, and what goes back into the pool.
 */
export class Hold {
  readonly #client: TransactionalClient;
  readonly #level: number;
  readonly #holder: Holder;
  readonly #names: NamedInChain;
  #lease: Lease<DriverConnection> | undefined;
  /** Its driver has answered what no driver may answer. */
  #isDistrusted = false;
  #hasMoved = false;
  #waitingSince: number | undefined;
  #running: Running | undefined;
  #idleSince = 0;
  #takenAt = 0;

  /** @param holder is named in errors and statistics */
  constructor(client: TransactionalClient, level: number, holder: Holder, names: NamedInChain) {
    this.#client = client;
    this.#level = level;
    this.#holder = holder;
    this.#names = names;
  }

  /** Where it is, for errors. */
  get at(): ErrorPlace {
    return { clientName: this.#client.name, level: this.#level };
  }
  /** Since when it waits for its connection, by the clock of its client. */
  get waitingSince(): number | undefined {
    return this.#waitingSince;
  }
  get running(): Running | undefined {
    return this.#running;
  }
  /** Since when nothing runs on its connection. */
  get idleSince(): number {
    return this.#idleSince;
  }
  get connection(): DriverConnection | undefined {
    return this.#lease?.connection;
  }
  get status(): ConnectionStatus | undefined {
    return this.#lease?.connection.status;
  }
  /** Whether the connection lay idle before it was taken, and may have died there. */
  get idled(): boolean {
    return this.#lease?.idled === true;
  }

  /**
   * Takes a connection. A chain with a transaction at this level or deeper does not wait for another, which could deadlock.
   * @returns the connection at once where one is free
   * @throws what the pool throws, and what a transaction of the chain refuses the client with
   */
  take({ frame, begun, signal, mayFollow, except }: TakeOptions): DriverConnection | Promise<DriverConnection> {
    assertTakes(frame, this.#client);
    const mayWait = !holdsAtOrAbove(frame, this.#level, except);
    const besides = mayWait ? undefined : () => describeTransactions(frame?.innermost, except);
    const request = { level: this.#level, holder: this.#holder, mayWait, besides, begun, signal, mayFollow };
    if (isWatched(acquireTrace)) return this.#takeTraced(request);
    const lease = this.#client.pool.acquire(request);
    return lease instanceof Promise ? this.#granted(lease) : this.#taken(lease);
  }

  #takeTraced(request: AcquireRequest): DriverConnection | Promise<DriverConnection> {
    const { eventId: parentId, chainId, name } = this.#names;
    const event = new AcquireTrace({ parentId, chainId, clientName: this.#client.name, level: this.#level, name });
    return acquireTrace.run(event, () => {
      const lease = this.#client.pool.acquire(request);
      event.waited = lease instanceof Promise;
      return lease instanceof Promise ? this.#granted(lease) : this.#taken(lease);
    });
  }

  async #granted(lease: Promise<Lease<DriverConnection>>): Promise<DriverConnection> {
    this.#waitingSince = this.#client.clock.now();
    try {
      return this.#taken(await lease);
    } finally {
      this.#waitingSince = undefined;
    }
  }

  /** Notes what is sent on its connection now. */
  sends(texts: Running['texts']): void {
    this.#running = { texts, since: this.#client.clock.now() };
  }

  /** Notes that the server is done with it. */
  rests(): void {
    this.#running = undefined;
    this.#idleSince = this.#client.clock.now();
  }

  /** What the driver answered; in place of what none may answer, that the connection is lost: nothing is known of the steps. */
  checked(answer: Exchange | undefined, steps: readonly Step[]): Exchange {
    if (isAnswer(answer, steps)) return answer;
    this.#isDistrusted = true;
    const error = wrongAnswer(this.#client.driver.dialect, answer, steps, this.at);
    return { completed: 0, results: [], failure: { kind: 'connectionLost', error }, ended: undefined };
  }

  /**
   * Watches statements for a lock that their own chain holds. Only a chain with other transactions can block them.
   * @returns nothing where there is nothing to watch
   */
  watchLocks(
    statements: readonly Statement[],
    outer: OpenTransaction | undefined,
    chain: Frame['chain'],
  ): StopWatching | undefined {
    const { connection } = this;
    if (connection === undefined || (outer === undefined && chain?.ancestors === undefined)) return undefined;
    return this.#client.locks.watch({
      connection,
      holder: this.#names,
      level: this.#level,
      statements,
      ancestors: () => ancestorsOf(outer, chain),
    });
  }

  /** Gives the connection back: to the pool if it is idle and known to be sound, otherwise to be destroyed. */
  giveBack(isSound: boolean): void {
    const lease = this.#lease;
    if (lease === undefined) return;
    this.#lease = undefined;
    if (connectionRelease.hasSubscribers) this.#tellRelease();
    const release = (): void =>
      this.#client.pool.release(lease, isSound && !this.#isDistrusted && lease.connection.status === 'idle');
    // It would be destroyed with a COMMIT of another on it.
    if (lease.commit === undefined) release();
    else void lease.commit.then(release);
  }

  /**
   * Gives the connection to who waits for it while COMMIT is under way. @param run carries the COMMIT out
   * @returns the answer to the COMMIT; nothing where the connection stays
   */
  handOver(run: (connection: DriverConnection) => Promise<Exchange> | undefined): Promise<Exchange> | undefined {
    const lease = this.#lease;
    // What has followed a COMMIT is not followed itself before that is answered.
    if (lease === undefined || lease.commit !== undefined || !this.#client.pool.mayHandOver(lease)) return undefined;
    const answer = run(lease.connection);
    if (answer === undefined) return undefined;
    this.#lease = undefined;
    if (connectionRelease.hasSubscribers) this.#tellRelease();
    this.#client.pool.handOver(lease, answer);
    return answer;
  }

  /**
   * The answer to what was sent; where it is behind a COMMIT that takes long, and another connection is free before that is answered,
   * that it was lost unsent: this is the hold of that connection then.
   * @param onRefused is given the error where none becomes free in time
   */
  follow(running: Promise<Exchange>, onRefused: (error: unknown) => void): Promise<Exchange> {
    const lease = this.#lease;
    if (lease?.commit === undefined) return running;
    return new Promise((resolve, reject) => {
      running.then(resolve, reject);
      lease.onLate = () => {
        const moving = this.#move(lease, running);
        moving.then((moved) => moved && resolve(unsent()), onRefused);
      };
    });
  }

  /** Whether what was lost unsent goes on on another connection; asked for once. */
  takeMoved(): boolean {
    const hasMoved = this.#hasMoved;
    this.#hasMoved = false;
    return hasMoved;
  }

  async #move(lease: Lease<DriverConnection>, running: Promise<Exchange>): Promise<boolean> {
    const { pool } = this.#client;
    const answered = new AbortController();
    void lease.commit?.then(() => answered.abort());
    const holder = this.#holder;
    const { signal } = answered;
    try {
      const other = await pool.acquire({
        level: lease.level,
        holder,
        mayWait: true,
        begun: toTheEnd,
        signal,
        isFirst: true,
      });
      if (lease.commit === undefined || this.#lease !== lease) {
        pool.release(other, true);
        return false;
      }
      this.#lease = other;
      this.#hasMoved = true;
      void this.#leave(lease, running);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  /** Undoes what comes of statements behind a COMMIT that go on elsewhere, and gives their connection back. */
  async #leave(lease: Lease<DriverConnection>, running: Promise<Exchange>): Promise<void> {
    const { connection } = lease;
    let isSound = false;
    try {
      await lease.commit;
      await connection.cancel();
      await running;
      const { failure } = await connection.run([{ type: 'rollback' }]);
      isSound = failure === undefined && connection.status === 'idle';
    } catch {
      // It is destroyed.
    } finally {
      this.#client.pool.release(lease, isSound);
    }
  }

  #tellRelease(): void {
    const { name: clientName, clock } = this.#client;
    connectionRelease.publish({ clientName, level: this.#level, heldFor: clock.now() - this.#takenAt });
  }

  #taken(lease: Lease<DriverConnection>): DriverConnection {
    this.#lease = lease;
    this.#takenAt = this.#idleSince = this.#client.clock.now();
    return lease.connection;
  }
}

function unsent(): Exchange {
  const error = new Error('the COMMIT in front of it takes long');
  const failure = { kind: 'connectionLost', error, reached: 'unsent' } as const;
  return { completed: 0, results: [], failure, ended: undefined };
}

/** The SQL of statements; without their values, which may be large and no one else's business. */
export function textsOf(statements: readonly Statement[]): Running['texts'] {
  const [first] = statements;
  return first !== undefined && statements.length === 1 ? first.text : statements.map(({ text }) => text);
}

/** Whether statements met a connection that had died while it lay idle, and none of them can have taken effect. */
export function metDeadConnection(hold: Hold, { kind, reached }: Failure, mayRepeatUnanswered: () => boolean): boolean {
  if (kind !== 'connectionLost' || !hold.idled) return false;
  return reached === 'unsent' || (reached === 'unanswered' && mayRepeatUnanswered());
}

/** What is known of something that holds a connection without a transaction. */
interface NamedHolderOptions {
  readonly name: string;
  /** Where the program asked for the connection. */
  readonly origin: Origin | undefined;
  /** The event of what it is, which has the same id then. */
  readonly eventId?: string | undefined;
}

/** Names what holds a connection without a transaction. */
export class NamedHolder implements Holder, NamedInChain {
  readonly name: string;
  readonly level: number;
  #id: string | undefined;
  readonly #client: TransactionalClient;
  readonly #frame: Frame | undefined;
  readonly #origin: Origin | undefined;
  readonly #since: number;

  readonly #eventId: string | undefined;

  constructor(
    client: TransactionalClient,
    level: number,
    frame: Frame | undefined,
    { name, origin, eventId }: NamedHolderOptions,
  ) {
    this.#client = client;
    this.#eventId = eventId;
    this.#id = eventId;
    this.level = level;
    this.#frame = frame;
    this.name = name;
    this.#origin = origin;
    this.#since = client.clock.now();
  }

  get id(): string {
    return (this.#id ??= nextId());
  }
  get chainId(): string {
    return chainIdOf(this.#frame) ?? this.id;
  }
  get parentId(): string | undefined {
    return this.#frame?.innermost?.record.id;
  }
  get eventId(): string | undefined {
    return this.#eventId ?? this.parentId;
  }
  /** The transactions above it in other processes, outermost first. */
  get ancestors(): readonly Ancestor[] {
    return this.#frame?.chain?.ancestors ?? [];
  }
  /** The job that its chain began with, if it was one. */
  get job(): HeldByJob | undefined {
    return this.#frame?.job;
  }

  describe(): ChainLink {
    const { clock, name: clientName } = this.#client;
    const age = clock.now() - this.#since;
    return { clientName, level: this.level, transaction: this.name, age, openedAt: this.#origin?.() };
  }

  heldBesides(): readonly ChainLink[] {
    return describeTransactions(this.#frame?.innermost);
  }
}
