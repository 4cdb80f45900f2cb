import type pg from 'pg';
import type { Backend, ConnectionStatus, DriverConnection, Exchange, Step } from '../../driver/index.ts';
import { cancelRunning, endClient } from './cancel.ts';
import { ExchangeQuery, type WireValue } from './exchange.ts';
import { describeFailure, isStalePlan } from './failure.ts';
import { internalsOf, type TypeParsers } from './pg-types.ts';
import { PreparedStatements } from './prepared.ts';

const statuses: Readonly<Record<string, ConnectionStatus>> = { I: 'idle', T: 'active', E: 'failed' };

interface Running {
  readonly query: ExchangeQuery;
  readonly resolve: (exchange: Exchange) => void;
}

/** A connection of `pg`, spoken to in exchanges. Its listeners stay for its whole life, so no error is ever unheard. */
export class PostgresConnection implements DriverConnection {
  readonly backend: Backend;
  readonly #client: pg.Client;
  readonly #prepared: PreparedStatements;
  readonly #types: TypeParsers;
  readonly #toWire: (value: unknown) => WireValue;
  #status: ConnectionStatus = 'idle';
  #running: Running | undefined;
  #lastError: unknown;
  #onDeath: ((error: unknown) => void) | undefined;

  constructor(client: pg.Client, preparedLimit: number, toWire: (value: unknown) => WireValue) {
    const { processID, connection } = internalsOf(client);
    this.backend = { id: processID };
    this.#client = client;
    this.#prepared = new PreparedStatements(preparedLimit);
    this.#types = client;
    this.#toWire = toWire;
    client.on('error', (error) => (this.#lastError ??= error));
    client.on('end', () => this.#onGone());
    connection.on('readyForQuery', ({ status }) => this.#onReady(statuses[status] ?? 'lost'));
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  async run(steps: readonly Step[]): Promise<Exchange> {
    const before = this.#status;
    const exchange = await this.#send(steps);
    const { failure, results } = exchange;
    if (failure === undefined || before !== 'idle' || results.length > 0 || !isStalePlan(failure.error))
      return exchange;
    // No statement has taken effect yet, so a stale one can be prepared anew without anybody noticing.
    if (this.#status === 'failed') await this.#send([{ type: 'rollback' }]);
    return this.#status === 'idle' ? await this.#send(steps) : exchange;
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

  #send(steps: readonly Step[]): Promise<Exchange> {
    const query = new ExchangeQuery(steps, this.#prepared, this.#types, this.#toWire);
    return new Promise((resolve) => {
      this.#running = { query, resolve };
      if (this.#status === 'lost') this.#finishLost();
      else this.#client.query(query as unknown as pg.Submittable);
    });
  }

  #onReady(status: ConnectionStatus): void {
    this.#status = status;
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    const { query, resolve } = running;
    if (query.error !== undefined && isStalePlan(query.error.error)) this.#prepared.clear();
    resolve(query.outcome(query.error && describeFailure(query.error.error)));
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
    const error = running.query.error?.error ?? this.#lastError ?? new Error('the connection was closed');
    running.resolve(running.query.outcome({ kind: 'connectionLost', error }));
  }
}
