import { describeTransactions, type Frame, holdsAtOrAbove } from '../context/index.ts';
import type { ChainLink } from '../core/index.ts';
import type { ConnectionStatus, DriverConnection, Exchange, Failure, QueryResult, Statement } from '../driver/index.ts';
import type { Holder, Lease } from '../pool/index.ts';
import type { TransactionalClient } from './client.ts';
import { Cancellation } from './cancellation.ts';
import { deadlineExceeded, remainingTime } from './deadline.ts';
import { lostAlone } from './alone.ts';
import { Lane, type LaneLimit, type LaneOwner } from './lane.ts';
import { checkValues } from './statement-values.ts';
import type { RunningWork } from './work.ts';

/**
 * A connection in the hands of somebody who speaks to it statement by statement, outside of any ambient
 * transaction: what a library gets from `pool.connect()`. What it begins there is its own affair; a
 * connection that it gives back in the middle of that is rolled back, or destroyed.
 */
export class PinnedConnection implements Holder, RunningWork, LaneOwner {
  readonly #client: TransactionalClient;
  readonly #level: number;
  readonly #frame: Frame | undefined;
  readonly #name: string;
  readonly #since: number;
  readonly #cancellation: Cancellation;
  #lease: Lease<DriverConnection> | undefined;
  readonly #lane: Lane = new Lane();
  #streaming = false;

  private constructor(client: TransactionalClient, level: number, frame: Frame | undefined, name: string) {
    this.#client = client;
    this.#level = level;
    this.#frame = frame;
    this.#name = name;
    this.#since = client.clock.now();
    this.#cancellation = new Cancellation(client.clock, () => this.#lease?.connection);
  }

  /** Takes a connection at `level`. @throws what the pool throws; DeadlineExceededError */
  static async open(
    client: TransactionalClient,
    level: number,
    frame: Frame | undefined,
    name: string,
  ): Promise<PinnedConnection> {
    const pinned = new PinnedConnection(client, level, frame, name);
    const remaining = remainingTime(frame, client.clock);
    const cancellation = pinned.#cancellation;
    if (remaining !== undefined) {
      cancellation.onTimeout(remaining, () => deadlineExceeded('A connection', pinned.heldBesides()));
    }
    client.work.add(pinned);
    try {
      const { signal } = cancellation;
      const mayWait = !holdsAtOrAbove(frame, level);
      pinned.#lease = await client.pool.acquire({
        level,
        holder: pinned,
        mayWait,
        admitted: frame?.isUnderWay === true,
        signal,
      });
      return pinned;
    } catch (error) {
      cancellation.stop();
      client.work.delete(pinned);
      throw error;
    }
  }

  get status(): ConnectionStatus {
    return this.#lease?.connection.status ?? 'lost';
  }
  /** The physical connection; none once it was given back. */
  get connection(): DriverConnection | undefined {
    return this.#lease?.connection;
  }

  /** Runs statements in one round trip, transaction control included. @throws the driver's error, ConnectionLostError */
  run(statements: readonly Statement[]): Promise<readonly QueryResult[]> {
    return this.#use(async (connection) => {
      for (const { values } of statements) if (values !== undefined) checkValues(this.#client.name, values);
      const steps = statements.map((statement) => ({ type: 'statement', statement }) as const);
      const running = connection.run(steps);
      // Until it has ended, which may be after its caller was told that it was cancelled.
      this.#cancellation.watch(running);
      const forget = (): void => this.#cancellation.watch(undefined);
      void running.then(forget, forget);
      return this.#resultsOf(await this.#cancellation.race(running));
    });
  }

  /** Has the server cancel what runs, if anything does. */
  async cancel(): Promise<void> {
    await this.#lease?.connection.cancel();
  }

  /** Lets a stream have the connection until it has ended; one that is left open costs the connection. */
  async stream(work: (connection: DriverConnection) => Promise<void>): Promise<void> {
    await this.#use(async (connection) => {
      this.#streaming = true;
      // What reads it may wait for a server that does not answer: it hears that the connection is cut.
      const cut = (): void => this.#giveBack(false);
      const { signal } = this.#cancellation;
      signal?.addEventListener('abort', cut, { once: true });
      await work(connection);
      signal?.removeEventListener('abort', cut);
      this.#streaming = false;
    });
  }

  /** One after the other. */
  async #use<Result>(work: (connection: DriverConnection) => Promise<Result>): Promise<Result> {
    const turn = this.#lane.enter(this);
    if (turn !== undefined) await turn;
    try {
      this.#cancellation.throwIfRequested();
      const { connection } = this;
      if (connection === undefined) throw new TypeError('the connection was given back');
      return await work(connection);
    } finally {
      this.#lane.leave();
    }
  }

  /** Whoever waits here waits for what was sent before, which ends by itself. */
  get laneLimit(): LaneLimit {
    const { clock, pool } = this.#client;
    const timeout = pool.settings.acquireTimeout;
    return { clock, timeout, progress: () => undefined, error: () => this.#cancellation.requested?.reason, end() {} };
  }

  /** Gives the connection back after what is under way; with `destroy`, or in doubt, it is closed. */
  async release(destroy: boolean): Promise<void> {
    if (this.#streaming) {
      this.#giveBack(false);
      return;
    }
    const turn = this.#lane.enter(this);
    if (turn !== undefined) await turn;
    try {
      const isFree = await this.#cancellation.settled();
      const { connection } = this;
      if (!destroy && isFree && (connection?.status === 'active' || connection?.status === 'failed')) {
        await this.#cancellation.bounded(connection.run([{ type: 'rollback' }]));
      }
      this.#giveBack(!destroy && connection?.status === 'idle' && !this.#cancellation.inDoubt);
    } finally {
      this.#lane.leave();
    }
  }

  #giveBack(sound: boolean): void {
    const lease = this.#lease;
    if (lease === undefined) return;
    this.#lease = undefined;
    this.#cancellation.stop();
    this.#client.pool.release(lease, sound);
    this.#client.work.delete(this);
  }

  describe(): ChainLink {
    const age = this.#client.clock.now() - this.#since;
    return {
      clientName: this.#client.name,
      level: this.#level,
      transaction: this.#name,
      age,
      openedAt: undefined,
    };
  }

  heldBesides(): readonly ChainLink[] {
    return describeTransactions(this.#frame?.innermost);
  }

  abort(reason: unknown): void {
    this.#cancellation.requestAndCut(reason);
    void this.release(true);
  }

  #resultsOf({ failure, results }: Exchange): readonly QueryResult[] {
    if (failure !== undefined) throw this.#errorOf(failure);
    return results;
  }

  #errorOf(failure: Failure): unknown {
    if (failure.kind === 'connectionLost')
      return lostAlone(this.#client, this.#cancellation.requested?.reason ?? failure.error);
    return this.#cancellation.explain(failure);
  }
}
