import type pg from 'pg';
import {
  type Backend,
  type ConnectionStatus,
  type DriverConnection,
  type Exchange,
  type PoolerTimeoutError,
  type Step,
} from '../../driver/index.ts';
import { cancelRunning, endClient } from './cancel.ts';
import { ExchangeQuery, type Session, type WireValue } from './exchange.ts';
import { describeFailure, type Staleness } from './failure.ts';
import { GatheredWrite } from './gathered-write.ts';
import { internalsOf } from './pg-types.ts';
import type { PoolerPatience } from './pooler-patience.ts';
import type { PreparedStatements } from './prepared.ts';

const statuses: Readonly<Record<string, ConnectionStatus>> = { I: 'idle', T: 'active', E: 'failed' };

/** An exchange that the server has not answered. */
interface Running {
  readonly query: ExchangeQuery;
  readonly steps: readonly Step[];
  /** The steps may be sent once more if they fail before any statement has taken effect. */
  readonly mayRepeat: boolean;
  readonly resolve: (exchange: Exchange) => void;
}

const rollback: readonly Step[] = [{ type: 'rollback' }];

/** A connection of `pg`, spoken to in exchanges. Its listeners stay for its whole life, so no error is ever unheard. */
export class PostgresConnection implements DriverConnection {
  readonly backend: Backend;
  readonly #client: pg.Client;
  readonly #session: Session;
  #status: ConnectionStatus = 'idle';
  #running: Running | undefined;
  #lastError: unknown;
  /** Why this side has cut the connection, which then counts and not what pg says of a cut one. */
  #gaveUp: PoolerTimeoutError | undefined;
  #onDeath: ((error: unknown) => void) | undefined;

  constructor(
    client: pg.Client,
    backend: Backend,
    prepared: PreparedStatements,
    pooler: PoolerPatience | undefined,
    toWire: (value: unknown) => WireValue,
  ) {
    const { connection, _types: types } = internalsOf(client);
    this.backend = backend;
    this.#client = client;
    this.#session = { prepared, types, write: new GatheredWrite(connection), pooler, toWire };
    client.on('error', (error) => (this.#lastError ??= error));
    client.on('end', () => this.#onGone());
    connection.on('bindComplete', () => this.#running?.query.handleBindComplete());
    connection.on('readyForQuery', ({ status }) => this.#onReady(statuses[status] ?? 'lost'));
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  run(steps: readonly Step[]): Promise<Exchange> {
    return new Promise((resolve) => this.#send(steps, this.#status === 'idle', resolve));
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
      connection.once('readyForQuery', () => {
        if (this.#status === 'idle') prepared.ended(true);
        resolve();
      });
      connection.once('end', () => resolve());
      this.#client.query(submittable);
    });
  }

  cancel(): Promise<void> {
    return this.#running === undefined ? Promise.resolve() : cancelRunning(this.#client);
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
    // Otherwise the server would go on with the statement, and keep the backend until its end.
    if (this.#running !== undefined) await this.cancel();
    await endClient(this.#client);
  }

  /** @throws for a value that cannot be sent; nothing is sent then */
  #send(steps: readonly Step[], mayRepeat: boolean, resolve: (exchange: Exchange) => void, unprepared = false): void {
    const isFirst = this.#status === 'idle';
    const query = new ExchangeQuery(steps, this.#session, isFirst, unprepared);
    this.#running = { query, steps, mayRepeat, resolve };
    if (this.#status === 'lost') {
      this.#finishLost();
      return;
    }
    this.#client.query(query as unknown as pg.Submittable);
    if (isFirst) this.#session.pooler?.await(internalsOf(this.#client).connection, (error) => this.#giveUp(error));
  }

  #onReady(status: ConnectionStatus): void {
    this.#status = status;
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    const { query, resolve } = running;
    const { error, staleness } = query;
    if (status === 'idle') this.#session.prepared.ended(error === undefined && !query.isRolledBack);
    // What is stale is parsed anew without anybody noticing; pg is ready after this callback.
    if (staleness !== undefined && running.mayRepeat && query.tookNoEffect) {
      queueMicrotask(() => this.#sendAgain(running, staleness));
      return;
    }
    if (staleness === 'suspect' && query.failedPlan !== undefined) this.#session.prepared.giveUp(query.failedPlan);
    resolve(query.outcome(error && describeFailure(error.error, staleness)));
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
    internalsOf(this.#client).connection.stream.destroy();
  }

  #onGone(): void {
    if (this.#status === 'lost') return;
    this.#status = 'lost';
    this.#finishLost();
    this.#onDeath?.(this.#lastError);
  }

  #finishLost(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    const error =
      this.#gaveUp ?? running.query.error?.error ?? this.#lastError ?? new Error('the connection was closed');
    // What a pooler has not passed on in time is never committed without a COMMIT.
    const isRolledBack = this.#gaveUp !== undefined && beginsWithoutEnd(running.steps);
    running.resolve(running.query.outcome({ kind: isRolledBack ? 'statement' : 'connectionLost', error }));
  }
}

/** Whether the server behind the connection may be another one from one transaction to the next. */
export function isHidden({ startedAt }: Backend): boolean {
  return startedAt === undefined;
}

function beginsWithoutEnd(steps: readonly Step[]): boolean {
  return steps[0]?.type === 'begin' && steps.every(({ type }) => type !== 'commit');
}
