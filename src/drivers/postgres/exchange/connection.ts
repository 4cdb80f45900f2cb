import { AsyncLocalStorage } from 'node:async_hooks';
import type pg from 'pg';
import { atEndOfTurn } from '../../../core/index.ts';
import {
  type Backend,
  type ConnectionStatus,
  type DriverConnection,
  type Exchange,
  type PoolerTimeoutError,
  ResultTooLargeError,
  type Statement,
  type Step,
} from '../../../driver/index.ts';
import { cancelRunning, endClient } from '../wire/cancel-and-close.ts';
import { endsWithCommit, runCommitApart } from './commit-apart.ts';
import { ExchangeQuery, type Running, RunningLine, type Session, type WireValue } from './exchange.ts';
import type { Fitness } from './fitness.ts';
import { Flight, mayGather, WriteBuffer } from './flight.ts';
import { IndependentStatements } from './independent.ts';
import { isNamedIn, SentAhead } from './sent-ahead.ts';
import type { Staleness } from '../prepared/staleness.ts';
import { describeFailure } from './failure.ts';
import { failureOfLoss, type TooLarge } from './loss.ts';
import { internalsOf } from '../wire/pg-types.ts';
import { takeQueryTimeout } from '../wire/query-timeout.ts';
import type { PoolerTimeout } from './pooler-timeout.ts';
import type { PreparedStatements } from '../prepared/prepared-statements.ts';

const statuses: Readonly<Record<string, ConnectionStatus>> = { I: 'idle', T: 'active', E: 'failed' };

/** How long the server may take to cancel what ran into `query_timeout`, in milliseconds. */
const patience = 1_000;

/** How long the server may take to end with what is given up, until it is asked to cancel that. In milliseconds. */
const landing = 20;

const rollback: readonly Step[] = [{ type: 'rollback' }];

/** What a connection of `pg` becomes one of Sluice with. */
export interface ConnectionParts {
  readonly client: pg.Client;
  readonly backend: Backend;
  readonly prepared: PreparedStatements;
  readonly pooler: PoolerTimeout | undefined;
  readonly toWire: (value: unknown) => WireValue;
  readonly fitness: Fitness;
  /** Whether statements may be sent before those in front of them were answered. */
  readonly pipelining: boolean;
  /** Whether another transaction may begin behind a COMMIT before that is answered. */
  readonly followCommits: boolean;
  /** Whether a COMMIT waits for the answer to what it commits, so that nothing is kept where the connection is cut there. */
  readonly commitsApart: boolean;
}

/** A connection of `pg`, spoken to in exchanges. Its listeners stay for its whole life, so no error is ever unheard. */
export class PostgresConnection implements DriverConnection {
  readonly backend: Backend;
  readonly #client: pg.Client;
  readonly #session: Session;
  readonly #queryTimeout: number;
  readonly #fitness: Fitness;
  #status: ConnectionStatus = 'idle';
  #isCut = false;
  readonly #line = new RunningLine();
  /** What the server has to answer, in its order. */
  readonly #flights: Flight<ExchangeQuery>[] = [];
  /** Whether statements may be sent before it is their turn. */
  readonly #mayPipeline: boolean;
  readonly #mayHandOver: boolean;
  /** None as long as all have waited for their turn. */
  #ahead: SentAhead | undefined;
  readonly #commitsApart: boolean;
  #tooLarge: TooLarge | undefined;
  /** As the server has said last, which may be of what it is not the turn of yet. */
  #told: ConnectionStatus = 'idle';
  #independent: IndependentStatements | undefined;
  #onLanded: (() => void) | undefined;
  #lastError: unknown;
  #gaveUp: PoolerTimeoutError | undefined;
  #onDeath: ((error: unknown) => void) | undefined;

  constructor(parts: ConnectionParts) {
    const { client, backend, prepared, pooler, toWire, fitness, pipelining, followCommits, commitsApart } = parts;
    const { connection, _types: types } = internalsOf(client);
    this.backend = backend;
    this.#client = client;
    this.#fitness = fitness;
    this.#commitsApart = commitsApart;
    const cut = (error: Error): void => this.#cut(error);
    this.#session = { prepared, types, write: new WriteBuffer(connection), cut, pooler, toWire };
    this.#queryTimeout = takeQueryTimeout(client);
    // What has a time limit of its own must not wait for others on the server.
    this.#mayPipeline = pipelining && this.#queryTimeout === 0;
    this.#mayHandOver = followCommits && this.#mayPipeline && !commitsApart && pooler === undefined;
    client.on('error', (error) => {
      if (error instanceof ResultTooLargeError) this.#tooLarge ??= { query: this.#flights[0]?.current, error };
      this.#cut(error);
    });
    client.on('end', () => this.#onGone());
    connection.on('bindComplete', () => this.#flights[0]?.handleBindComplete());
    connection.on('readyForQuery', ({ status }) => {
      const told = statuses[status];
      if (told === undefined) this.#cut(new Error('the server reported an unknown transaction status'));
      else this.#onReady(told);
    });
  }

  get status(): ConnectionStatus {
    return this.#status;
  }
  get unfit(): DriverConnection['unfit'] {
    return this.#fitness.unfit;
  }

  /** Whether nothing runs on it, and it is not lent to a listener for notifications. */
  get isFree(): boolean {
    return this.#status === 'idle' && this.#flights.length === 0 && !this.isLent;
  }
  /** A client of an ambient pool has it. */
  isLent = false;

  isPrepared(text: string): boolean {
    return this.#ahead?.hadPrepared(text) ?? this.#session.prepared.has(text);
  }

  run(steps: readonly Step[]): Promise<Exchange> {
    return this.#commitsApart && endsWithCommit(steps)
      ? runCommitApart(steps, (part) => this.#run(part))
      : this.#run(steps);
  }

  #run(steps: readonly Step[]): Promise<Exchange> {
    const ahead = this.#ahead;
    return ahead === undefined || ahead.isEmpty ? this.#start(steps) : this.#runAhead(ahead, steps);
  }

  #start(steps: readonly Step[]): Promise<Exchange> {
    // What was skipped follows what is on its way, and that may fail to give a name.
    const unprepared = this.#flights.length > 0 && isNamedIn(this.#flights, steps);
    const mayRepeat = this.#line.followsCommit || this.#status === 'idle';
    return new Promise((resolve) => this.#send(steps, mayRepeat, resolve, unprepared));
  }

  sendAhead(statements: readonly Statement[]): boolean {
    if (!this.#mayPipeline || this.#isCut || this.#status === 'lost') return false;
    const ahead = (this.#ahead ??= new SentAhead(this.#session));
    // Its BEGIN may still fail.
    if (this.#line.next !== undefined && this.#flights.at(-1)?.isOpen !== true) return false;
    if (!ahead.accepts(statements, this.#flights, this.#told !== 'idle')) return false;
    const last = this.#flights.at(-1);
    const isOpen = last?.isOpen === true;
    const query = ahead.add(statements, isOpen);
    if (query === undefined) return true;
    if (isOpen) last.add(query);
    else this.#launch(query, { gathers: true });
    return true;
  }

  runEach(statements: readonly Statement[]): readonly Promise<Exchange>[] | undefined {
    // A pooler may give each of them another connection.
    const isSure = this.#mayPipeline && this.#session.pooler === undefined;
    if (!isSure || this.#status !== 'idle' || this.#flights.length > 0) return undefined;
    this.#independent ??= new IndependentStatements(this.#session, (failure) => this.#fitness.judge(failure));
    const { flights, exchanges } = this.#independent.send(statements);
    this.#flights.push(...flights);
    const [first] = flights;
    if (first !== undefined) this.#client.query(first as unknown as pg.Submittable);
    return exchanges;
  }

  handOver(steps: readonly Step[]): Promise<Exchange> | undefined {
    const isSure = this.#mayHandOver && !this.#session.prepared.isTouched;
    const isQuiet = this.#flights.length === 0 && this.#ahead?.isEmpty !== false && !this.isLent;
    if (!isSure || !isQuiet || this.#isCut || this.#status !== 'active') return undefined;
    return new Promise((resolve) => {
      const query = new ExchangeQuery(steps, this.#session, { isFirst: false, unprepared: false, follows: false });
      this.#line.handOver({ query, steps, mayRepeat: false, resolve, limit: undefined, cancelling: undefined });
      this.#launch(query, { gathers: true });
    });
  }

  /** The client underneath, for what only its own events can tell. */
  get client(): pg.Client {
    return this.#client;
  }

  /** Lets `pg` carry out a query object of its own kind; resolves when the server is ready for the next. */
  submit(submittable: pg.Submittable): Promise<void> {
    const { connection } = internalsOf(this.#client);
    const { prepared } = this.#session;
    if ('text' in submittable && typeof submittable.text === 'string') prepared.noteSent(submittable.text);
    return new Promise((resolve) => {
      const onGone = (): void => resolve();
      connection.once('end', onGone);
      connection.once('readyForQuery', () => {
        connection.off('end', onGone);
        if (this.#status === 'idle') prepared.ended(true);
        resolve();
      });
      this.#client.query(submittable);
    });
  }

  cancel(): Promise<void> {
    if (this.#flights.length === 0) return Promise.resolve();
    return this.#line.cancel(() => cancelRunning(this.#client));
  }

  onDeath(callback: (error: unknown) => void): void {
    if (this.#status === 'lost') callback(this.#lastError);
    else this.#onDeath = callback;
  }

  close(): Promise<void> {
    this.#onDeath = undefined;
    return this.#status === 'lost' ? Promise.resolve() : endClient(this.#client);
  }

  async destroy(): Promise<void> {
    this.#onDeath = undefined;
    if (this.#status === 'lost') return;
    if (this.#flights.length === 0) {
      await endClient(this.#client);
      return;
    }
    // Without the request the server would go on with the statement, and keep the backend until its end.
    const cancelled = this.cancel();
    this.#cut(undefined);
    await cancelled;
  }

  /** @throws for a value that cannot be sent; nothing is sent then */
  #send(steps: readonly Step[], mayRepeat: boolean, resolve: (exchange: Exchange) => void, unprepared = false): void {
    const followsCommit = this.#line.followsCommit;
    const isFirst = followsCommit || this.#status === 'idle';
    if (isFirst) this.#fitness.beginning = steps[0];
    const query = new ExchangeQuery(steps, this.#session, { isFirst, unprepared, follows: false });
    const limit = this.#queryTimeout > 0 ? setTimeout(() => void this.#endLate(query), this.#queryTimeout) : undefined;
    this.#line.begin({ query, steps, mayRepeat, resolve, limit, cancelling: undefined });
    if (this.#status === 'lost') {
      this.#finishLost();
      return;
    }
    this.#launch(query, { gathers: this.#mayPipeline && mayGather(steps, isFirst), followsCommit });
    if (isFirst) this.#session.pooler?.await(internalsOf(this.#client).connection, (error) => this.#giveUp(error));
  }

  /** Sends what was not sent before, and takes the answer of what was. */
  async #runAhead(line: SentAhead, steps: readonly Step[]): Promise<Exchange> {
    const ahead = line.take(steps);
    if (ahead === undefined) {
      await this.#landAll();
      return await this.#start(steps);
    }
    const { sent: query, thrown } = ahead;
    if (thrown !== undefined) throw thrown.error;
    if (query === undefined || query.wasSkipped) return await this.#start(steps);
    return await new Promise((resolve) => {
      const running = { query, steps, mayRepeat: false, resolve, limit: undefined, cancelling: undefined };
      this.#line.begin(running);
      if (query.answeredAs === undefined) {
        if (this.#status === 'lost') this.#finishLost();
        return;
      }
      // What goes on with the answer before it goes on first, as it would if this one had still to be sent.
      process.nextTick(() => {
        if (this.#line.current === running) this.#conclude(running);
      });
    });
  }

  /** Waits until the server has ended with what was sent for a transaction that is given up. */
  async #landAll(): Promise<void> {
    while (this.#flights.length > 0 && this.#status !== 'lost') {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      this.#onLanded = () => resolve(true);
      const timer = setTimeout(() => resolve(false), landing);
      if (!(await promise)) await cancelRunning(this.#client);
      clearTimeout(timer);
    }
    if (this.#status !== 'lost') this.#status = this.#told;
  }

  /**
   * Sends it.
   * @param gathers at the end of this turn of the event loop, with what comes until then
   * @param followsCommit in the same write as the COMMIT before it, where that has not been sent
   */
  #launch(
    query: ExchangeQuery,
    { gathers, followsCommit = false }: { gathers: boolean; followsCommit?: boolean },
  ): void {
    const before = this.#flights.at(-1);
    const flight = new Flight(this.#session.write, query, this.#onAnswer);
    // What is still gathered goes first.
    if (followsCommit && before !== undefined) flight.goWith(before);
    else before?.send();
    this.#flights.push(flight);
    if (this.#flights.length === 1) this.#client.query(flight as unknown as pg.Submittable);
    else flight.inContext = AsyncLocalStorage.snapshot();
    if (gathers) atEndOfTurn(() => flight.send());
    else flight.send();
  }

  /** A part of a write is done, and more of it to come. */
  readonly #onAnswer = (part: ExchangeQuery): void => {
    const { current } = this.#line;
    if (current?.query === part) this.#conclude(current);
  };

  #onReady(status: ConnectionStatus): void {
    if (this.#isCut) return;
    this.#told = status;
    const flight = this.#flights.shift();
    if (flight === undefined) {
      this.#status = status;
      return;
    }
    flight.land(status);
    const { current } = flight;
    // Behind a COMMIT that was handed over they are those of the next transaction.
    const ended = status === 'idle' && this.#line.next === undefined;
    if (ended) this.#session.prepared.ended(current?.error === undefined && current?.isRolledBack !== true);
    const [next] = this.#flights;
    next?.inContext(() => this.#client.query(next as unknown as pg.Submittable));
    const running = this.#line.current;
    if (running?.query.answeredAs !== undefined) this.#conclude(running);
    if (current !== undefined) this.#independent?.conclude(current);
    if (next === undefined) this.#onLanded?.();
  }

  #conclude(running: Running): void {
    this.#line.take();
    const { query, resolve } = running;
    const { error, staleness, answeredAs } = query;
    if (answeredAs !== undefined && this.#status !== 'lost') this.#status = answeredAs;
    // What is stale is parsed anew without anybody noticing; pg is ready after this callback.
    if (staleness !== undefined && running.mayRepeat && query.tookNoEffect) {
      queueMicrotask(() => this.#sendAgain(running, staleness));
      return;
    }
    if (staleness === 'suspect' && query.failedPlan !== undefined) this.#session.prepared.giveUp(query.failedPlan);
    resolve(query.outcome(error && this.#fitness.judge(describeFailure(error.error, staleness))));
  }

  #sendAgain({ steps, resolve }: Running, staleness: Staleness): void {
    const resolveAgain = (exchange: Exchange): void => {
      // It was the types, and other texts may have been parsed with them too.
      if (staleness === 'suspect' && exchange.failure === undefined) this.#session.prepared.schemaChanged();
      resolve(exchange);
    };
    const again = (): void => this.#send(steps, false, resolveAgain, true);
    if (this.#status === 'failed') this.#send(rollback, false, again);
    else again();
  }

  #giveUp(error: PoolerTimeoutError): void {
    this.#gaveUp = error;
    this.#cut(error);
  }

  /** Has the server cancel what takes too long, and gives the connection up where it does not. */
  async #endLate(query: ExchangeQuery): Promise<void> {
    await this.cancel();
    const answered = (): void => {
      if (this.#line.current?.query === query) this.#cut(new Error('Query read timeout'));
    };
    setTimeout(answered, patience).unref();
  }

  /** From here on the connection is of no use; what runs on it learns of that when the socket is closed. */
  #cut(error: unknown): void {
    this.#isCut = true;
    this.#lastError ??= error;
    internalsOf(this.#client).connection.stream.destroy();
  }

  #onGone(): void {
    if (this.#status === 'lost') return;
    this.#status = 'lost';
    this.#flights.length = 0;
    this.#finishLost();
    this.#independent?.lose({ cause: this.#lastError, tooLarge: this.#tooLarge });
    this.#onLanded?.();
    this.#onDeath?.(this.#lastError);
  }

  #finishLost(): void {
    const loss = { cause: this.#lastError, gaveUp: this.#gaveUp, tooLarge: this.#tooLarge };
    for (let running = this.#line.take(); running !== undefined; running = this.#line.take()) {
      const { query, resolve } = running;
      resolve(query.outcome(this.#fitness.judge(failureOfLoss(query, loss))));
    }
  }
}
