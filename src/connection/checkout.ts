import { runUntraced, statementTrace, isWatched } from '../channels/index.ts';
import { type Frame, notBegun } from '../context/index.ts';
import {
  type BeginStep,
  checkValues,
  ConnectionLostError,
  type ConnectionStatus,
  type Driver,
  type DriverConnection,
  type EndStep,
  type Exchange,
  type Failure,
  firstWord,
  type QueryResult,
  type Statement,
  type Step,
} from '../driver/index.ts';
import { lostInAutocommit } from './failures.ts';
import { Cancellation } from './cancellation.ts';
import type { TransactionalClient } from './transactional-client.ts';
import { cancelAtDeadline, remainingTime } from './deadline.ts';
import { Hold, NamedHolder, textsOf } from './hold.ts';
import {
  type HolderInfo,
  lookAtNamed,
  type OnSent,
  type Running,
  type StatementPlace,
  traceStatements,
} from '../observation/index.ts';
import { type Flight, SessionSettings } from '../riders/index.ts';
import { type TurnLimit, type TurnOwner, Turns } from './turns.ts';
import type { RunningWork } from './work-in-progress.ts';
import { type ErrorPlace, located, onAbort, sampleOrigin } from '../core/index.ts';

/** How many calls may lie between the program and a connection that a library takes. */
const callsOfLibrary = 40;

/**
 * A connection that its holder uses statement by statement, outside of any ambient transaction: what a library gets from
 * `pool.connect()`. Transactions that the holder begins there are its own; one that is still open when the connection
 * comes back is rolled back, or the connection is destroyed.
 */
export class Checkout implements RunningWork, TurnOwner {
  readonly #client: TransactionalClient;
  readonly #cancellation: Cancellation;
  readonly #hold: Hold;
  readonly #holder: NamedHolder;
  readonly #turns: Turns = new Turns();
  readonly #settings: SessionSettings | undefined;
  #streaming = false;
  /** Whether something was begun on it and has not ended, as the server has said last. */
  #isInTransaction = false;

  private constructor(client: TransactionalClient, hold: Hold, holder: NamedHolder) {
    this.#client = client;
    this.#hold = hold;
    this.#holder = holder;
    this.#cancellation = new Cancellation(client.clock, () => hold.connection);
    const { settings, driver } = client;
    this.#settings = settings === undefined ? undefined : new SessionSettings(settings, driver, hold.at);
  }

  /** Where it is, for errors. */
  get at(): ErrorPlace {
    return this.#hold.at;
  }

  /** Takes a connection at `level`. @throws what the pool throws; DeadlineExceededError; MissingSettingError */
  static async open(
    this: void,
    client: TransactionalClient,
    level: number,
    frame: Frame | undefined,
    name: string,
  ): Promise<Checkout> {
    client.settings?.here();
    const holder = new NamedHolder(client, level, frame, { name, origin: sampleOrigin(Checkout.open, callsOfLibrary) });
    const hold = new Hold(client, level, holder, holder);
    const checkout = new Checkout(client, hold, holder);
    const cancellation = checkout.#cancellation;
    const { at } = hold;
    const remaining = remainingTime(frame, client.clock, () => at);
    cancelAtDeadline(cancellation, remaining, 'A connection', { chain: () => holder.heldBesides(), at });
    client.work.add(checkout);
    try {
      await hold.take({ frame, begun: frame?.begun ?? notBegun, signal: cancellation.signal });
      return checkout;
    } catch (error) {
      cancellation.stop();
      client.work.delete(checkout);
      throw error;
    }
  }

  look(): HolderInfo {
    return lookAtNamed('checkout', this.#client, this.#holder, this.#hold);
  }

  get status(): ConnectionStatus {
    return this.#hold.status ?? 'lost';
  }
  /** The physical connection; none once it was given back. */
  get connection(): DriverConnection | undefined {
    return this.#hold.connection;
  }

  /** Runs statements in one round trip, transaction control included. @throws the driver's error, ConnectionLostError */
  async run(statements: readonly Statement[]): Promise<readonly QueryResult[]> {
    if (!isWatched(statementTrace)) return await this.#run(statements, undefined);
    return await traceStatements(this.#place, statements, false, (onSent) => this.#run(statements, onSent));
  }

  async #run(statements: readonly Statement[], onSent: OnSent | undefined): Promise<readonly QueryResult[]> {
    const steps = statements.map((statement) => ({ type: 'statement', statement }) as const);
    return (await this.#exchange(steps, textsOf(statements), onSent)).results;
  }

  /** Begins or ends a transaction of its holder's own. @returns how it ended @throws as `run` does */
  async control(step: BeginStep | EndStep): Promise<Exchange['ended']> {
    if (!isWatched(statementTrace)) return (await this.#exchange([step], step.type, undefined)).ended;
    let ended: Exchange['ended'];
    await traceStatements(this.#place, [{ text: step.type.toUpperCase() }], false, async (onSent) => {
      const exchange = await this.#exchange([step], step.type, onSent);
      ended = exchange.ended;
      return exchange.results;
    });
    return ended;
  }

  /** Where its statements are sent, for their events. */
  get #place(): StatementPlace {
    const { name, level, parentId, chainId } = this.#holder;
    return { parentId, chainId, client: this.#client, level, name };
  }

  /** @param texts what is shown of the steps to those who look on */
  #exchange(steps: readonly Step[], texts: Running['texts'], onSent: OnSent | undefined): Promise<Exchange> {
    return this.#use(async (connection) => {
      for (const step of steps)
        if (step.type === 'statement' && step.statement.values !== undefined)
          checkValues(this.#client.name, step.statement.values);
      const flight = this.#settings?.board(steps, connection.status);
      const sent = flight?.steps ?? steps;
      onSent?.(connection);
      this.#hold.sends(texts);
      const running = runUntraced(() => connection.run(sent));
      // Until it has ended, which may be after its caller was told that it was cancelled.
      this.#cancellation.watch(running);
      const forget = (): void => {
        this.#cancellation.watch(undefined);
        this.#hold.rests();
      };
      void running.then(forget, forget);
      const answer = this.#hold.checked(await this.#cancellation.race(running), sent);
      const exchange = flight?.landed(answer) ?? answer;
      if (exchange.failure === undefined) return exchange;
      // What was begun for these steps alone.
      if (sent[0]?.type !== steps[0]?.type) await this.#end(connection);
      throw this.#errorOf(exchange.failure, steps);
    });
  }

  /** Ends what was begun for the settings of what has run. */
  async #end(connection: DriverConnection): Promise<void> {
    const { status } = connection;
    if (status === 'active' || status === 'failed')
      await this.#cancellation.race(connection.run([{ type: status === 'active' ? 'commit' : 'rollback' }]));
  }

  /** Has the server cancel what runs, if anything does. */
  async cancel(): Promise<void> {
    await this.connection?.cancel();
  }

  /** Lets a stream have the connection until it has ended; one that is left open costs the connection. */
  async stream(work: (connection: DriverConnection) => Promise<void>): Promise<void> {
    await this.#use(async (connection) => {
      this.#streaming = true;
      // What reads it may wait for a server that does not answer: it hears that the connection is cut.
      const cut = (): void => this.#giveBack(false);
      const { signal } = this.#cancellation;
      const stop = signal && onAbort(signal, cut);
      const flight = await this.#beginStream(connection);
      await work(connection);
      if (flight?.steps[0]?.type === 'begin') await this.#end(connection);
      stop?.();
      this.#streaming = false;
    });
  }

  async #beginStream(connection: DriverConnection): Promise<Flight | undefined> {
    const flight = this.#settings?.beforeStream(connection.status);
    if (flight === undefined || flight.steps.length === 0) return undefined;
    const { failure } = flight.landed(this.#hold.checked(await connection.run(flight.steps), flight.steps));
    if (failure === undefined) return flight;
    await this.#end(connection);
    throw this.#errorOf(failure, flight.steps);
  }

  /** One after the other. */
  async #use<Result>(work: (connection: DriverConnection) => Promise<Result>): Promise<Result> {
    const turn = this.#turns.enter(this);
    if (turn !== undefined) await turn;
    try {
      this.#cancellation.throwIfRequested();
      const { connection } = this;
      if (connection === undefined) throw new TypeError('the connection was given back');
      return await work(connection);
    } finally {
      const { status } = this;
      if (status !== 'lost') this.#isInTransaction = status !== 'idle';
      this.#turns.leave();
    }
  }

  /** A waiter here waits for the statements before it, which end by themselves. */
  get turnLimit(): TurnLimit {
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
    const turn = this.#turns.enter(this);
    if (turn !== undefined) await turn;
    try {
      const isFree = await this.#cancellation.settled();
      const { connection } = this;
      if (!destroy && isFree && (connection?.status === 'active' || connection?.status === 'failed')) {
        await this.#cancellation.bounded(connection.run([{ type: 'rollback' }]));
      }
      this.#giveBack(!destroy && !this.#cancellation.inDoubt);
    } finally {
      this.#turns.leave();
    }
  }

  #giveBack(isSound: boolean): void {
    if (this.connection === undefined) return;
    this.#cancellation.stop();
    this.#hold.giveBack(isSound);
    this.#client.work.delete(this);
  }

  abort(reason: unknown): void {
    this.#cancellation.requestAndCut(reason);
    void this.release(true);
  }

  #errorOf(failure: Failure, steps: readonly Step[]): unknown {
    const { at } = this.#hold;
    if (failure.kind !== 'connectionLost') return located(this.#cancellation.explain(failure), () => at);
    const cause = this.#cancellation.requested?.reason ?? failure.error;
    if (!this.#isInTransaction) return lostInAutocommit(at, cause);
    const { driver } = this.#client;
    if (failure.reached === 'unsent' || !steps.some((step) => mayEnd(driver, step)))
      return lostInTransaction(at, cause);
    // What comes next is told nothing of a rollback.
    this.#isInTransaction = false;
    return lostAtEnd(at, cause);
  }
}

const endsNothingForGood: ReadonlySet<string> = new Set(['ROLLBACK', 'ABORT', 'SAVEPOINT', 'RELEASE']);

/** Whether a step may commit the transaction that it is in: also a procedure, which may do anything. */
function mayEnd(driver: Driver, step: Step): boolean {
  if (step.type !== 'statement') return step.type === 'commit';
  const { text } = step.statement;
  const kind = driver.inspect(text);
  const word = firstWord(text);
  return kind === 'implicitCommit' || word === 'CALL' || (kind === 'control' && !endsNothingForGood.has(word));
}

function lostInTransaction(at: ErrorPlace, cause: unknown): ConnectionLostError {
  return new ConnectionLostError({
    what: `The connection of client "${at.clientName}" was lost during a transaction begun on it; the server rolls it back`,
    remedy: 'Repeat the whole transaction on another connection',
    cause,
    at,
  });
}

function lostAtEnd(at: ErrorPlace, cause: unknown): ConnectionLostError {
  return new ConnectionLostError({
    what: `The connection of client "${at.clientName}" was lost while a statement may have committed the transaction begun on it`,
    remedy: 'Before repeating it, check whether it took effect',
    cause,
    at,
  });
}
