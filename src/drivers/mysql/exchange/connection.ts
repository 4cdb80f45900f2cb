import type { Connection as Mysql2Connection } from 'mysql2';
import type { Backend, ConnectionStatus, DriverConnection, Exchange, Statement, Step } from '../../../driver/index.ts';
import type { CancelAndClose } from '../connecting/cancel-and-close.ts';
import { ExchangeRun } from './exchange.ts';
import { SentAhead } from './sent-ahead.ts';
import { Session, type SessionLimits } from './session.ts';
import { isReadOnlyServer } from './failure.ts';
import { conclude, runSingleStatement } from './single-statement.ts';
import { noSnapshots } from '../sql/isolation.ts';
import { internalsOf } from '../wire/mysql2-types.ts';
import type { ServerInfo } from '../connecting/server-info.ts';

/** How long the server may take to end with what is given up, until it is asked to cancel that. In milliseconds. */
const landing = 20;
/** How long it may take to end with the next of it after it was asked, until it is asked again. In milliseconds. */
const nextCancel = 3;

/** What a connection of mysql2 becomes one of Sluice with. */
export interface ConnectionParts {
  readonly client: Mysql2Connection;
  readonly backend: Backend;
  readonly server: ServerInfo;
  readonly ends: CancelAndClose;
  readonly limits: SessionLimits;
}

/**
 * A connection of mysql2 with `autocommit` off, so that nothing which is sent takes effect before its COMMIT,
 * whatever came of what was sent before it. This allows sending what begins a transaction or a savepoint
 * together with the first statement, although the server carries out what follows a failure.
 */
export class MysqlConnection implements DriverConnection {
  readonly backend: Backend;
  readonly #client: Mysql2Connection;
  readonly #server: ServerInfo;
  readonly #session: Session;
  readonly #ahead: SentAhead;
  readonly #ends: CancelAndClose;
  #isLost = false;
  #running: { cancelling: Promise<void> | undefined } | undefined;
  /** The server has become one that takes no writes. */
  #isUnfit = false;
  #lastError: unknown;
  #onDeath: ((error: unknown) => void) | undefined;

  constructor({ client, backend, server, ends, limits }: ConnectionParts) {
    this.backend = backend;
    this.#client = client;
    this.#server = server;
    this.#session = new Session(client, server, limits);
    this.#ahead = new SentAhead(this.#session);
    this.#ends = ends;
    client.on('error', (error) => {
      this.#lastError ??= error;
    });
    internalsOf(client).stream.once('close', () => this.#onGone());
  }

  get unfit(): DriverConnection['unfit'] {
    if (!this.#isUnfit) return undefined;
    return this.#server.wasReadOnly ? 'connection' : 'server';
  }

  get status(): ConnectionStatus {
    return this.#isUsable ? this.#session.status : 'lost';
  }

  /** A connection that is cut is closed a little later, after what ran on it was answered. */
  get #isUsable(): boolean {
    return !this.#isLost && !internalsOf(this.#client).stream.destroyed;
  }

  /** The connection underneath, for what only mysql2 itself can do. */
  get client(): Mysql2Connection {
    return this.#client;
  }

  async run(steps: readonly Step[]): Promise<Exchange> {
    for (const step of steps) {
      if (step.type !== 'begin' || step.characteristics.isolation !== 'SNAPSHOT') continue;
      if (!this.#server.hasSnapshots) throw noSnapshots(this.#server.name);
    }
    if (!this.#isUsable) return lost(this.#lastError);
    this.#running = { cancelling: undefined };
    try {
      const exchange = await (this.#ahead.isEmpty ? this.#start(steps) : this.#runAhead(steps));
      if (exchange.failure !== undefined && isReadOnlyServer(exchange.failure.error)) this.#isUnfit = true;
      return exchange;
    } finally {
      this.#running = undefined;
    }
  }

  sendAhead(statements: readonly Statement[]): boolean {
    return this.#isUsable && this.#ahead.send(statements);
  }

  /** It is sent before this returns, where nothing has to be sent before it. */
  #start(steps: readonly Step[]): Promise<Exchange> {
    const left = this.#session.settingsLeft(steps);
    if (left.length > 0) return this.#startWithout(left, steps);
    return runSingleStatement(this.#session, steps) ?? new ExchangeRun(this.#session, steps).run();
  }

  /** @param left names of settings to take back first */
  async #startWithout(left: readonly string[], steps: readonly Step[]): Promise<Exchange> {
    const failure = await this.#session.clearSettings(left);
    if (failure !== undefined) return { completed: 0, results: [], failure, ended: undefined };
    return await this.#start(steps);
  }

  /** Sends what was not sent before, and takes the answer of what was. */
  async #runAhead(steps: readonly Step[]): Promise<Exchange> {
    const ahead = this.#ahead.take(steps);
    if (ahead === undefined) {
      await this.#landAll();
      return await this.#start(steps);
    }
    const { sent, thrown, statements } = ahead;
    if (thrown !== undefined) throw thrown.error;
    const [statement] = statements;
    const isOfAnother = sent?.transaction !== this.#session.transaction || this.#session.failure !== undefined;
    if (sent === undefined || statement === undefined || isOfAnother) return await this.#start(steps);
    // What goes on with the answer before it goes on first, as it would if this one had still to be sent.
    if (sent.hasLanded) await new Promise<void>((resolve) => process.nextTick(resolve));
    const answer = await sent.landing;
    if (sent.flight.lacksPrepared(answer)) return await this.#start(steps);
    if (answer.lost === undefined) sent.flight.tellStatus();
    return await conclude(this.#session, statement, answer, { isAlone: false, before: 0 });
  }

  /** Waits until the server has ended with what was sent for a transaction that is given up. */
  async #landAll(): Promise<void> {
    const begun = performance.now();
    while (!this.#isLost && (await this.#ahead.awaitNext(landing)))
      if (performance.now() - begun >= landing) await this.#cancelAll();
  }

  /** Ends what runs, and whatever of what was sent ahead comes to run then: all of that belongs to the same transaction. */
  #cancelAll(): Promise<void> {
    const { id } = this.backend;
    return this.#ends.cancel(id, this.#ahead.isUnderWay ? () => this.#ahead.awaitNext(nextCancel) : undefined);
  }

  cancel(): Promise<void> {
    if (this.#running !== undefined) return (this.#running.cancelling ??= this.#cancelAll());
    return this.#ahead.isUnderWay ? this.#cancelAll() : Promise.resolve();
  }

  onDeath(callback: (error: unknown) => void): void {
    if (this.#isLost) callback(this.#lastError);
    else this.#onDeath = callback;
  }

  close(): Promise<void> {
    this.#onDeath = undefined;
    return this.#isLost ? Promise.resolve() : this.#ends.end(this.#client);
  }

  async destroy(): Promise<void> {
    this.#onDeath = undefined;
    if (this.#isLost) return;
    const { isUnderWay } = this.#ahead;
    if (this.#running === undefined && !isUnderWay) {
      await this.#ends.end(this.#client);
      return;
    }
    // Without the request the server would go on with the statement, and not look for its client before its end.
    const cancelled = isUnderWay ? this.#ends.cut(this.backend.id) : this.cancel();
    internalsOf(this.#client).stream.destroy();
    await cancelled;
  }

  #onGone(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#onDeath?.(this.#lastError);
  }
}

function lost(error: unknown): Exchange {
  const lostError = error ?? new Error('the connection was closed');
  const failure = { kind: 'connectionLost', error: lostError, reached: 'unsent' } as const;
  return { completed: 0, results: [], failure, ended: undefined };
}
