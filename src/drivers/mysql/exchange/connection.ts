import type { Connection as Mysql2Connection } from 'mysql2';
import type { Backend, ConnectionStatus, DriverConnection, Exchange, Step } from '../../../driver/index.ts';
import type { CancelAndClose } from '../connecting/cancel-and-close.ts';
import { ExchangeRun } from './exchange.ts';
import { Session } from './session.ts';
import { isReadOnlyServer } from './failure.ts';
import { runSingleStatement } from './single-statement.ts';
import { noSnapshots } from '../sql/isolation.ts';
import { internalsOf } from '../wire/mysql2-types.ts';
import type { ServerInfo } from '../connecting/server-info.ts';

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
  readonly #ends: CancelAndClose;
  #isLost = false;
  #running: { cancelling: Promise<void> | undefined } | undefined;
  /** The server has become one that takes no writes. */
  #isUnfit = false;
  #lastError: unknown;
  #onDeath: ((error: unknown) => void) | undefined;

  constructor(client: Mysql2Connection, backend: Backend, server: ServerInfo, ends: CancelAndClose) {
    this.backend = backend;
    this.#client = client;
    this.#server = server;
    this.#session = new Session(client, server);
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
    return this.#isLost ? 'lost' : this.#session.status;
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
    if (this.#isLost) return lost(this.#lastError);
    this.#running = { cancelling: undefined };
    try {
      const left = this.#session.settingsLeft(steps);
      const uncleared = left.length === 0 ? undefined : await this.#session.clearSettings(left);
      if (uncleared !== undefined) return { completed: 0, results: [], failure: uncleared, ended: undefined };
      const single = runSingleStatement(this.#session, steps);
      const exchange = await (single ?? new ExchangeRun(this.#session, steps).run());
      if (exchange.failure !== undefined && isReadOnlyServer(exchange.failure.error)) this.#isUnfit = true;
      return exchange;
    } finally {
      this.#running = undefined;
    }
  }

  cancel(): Promise<void> {
    if (this.#running === undefined) return Promise.resolve();
    // One request is enough, however many ask for it.
    return (this.#running.cancelling ??= this.#ends.cancel(this.backend.id));
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
    if (this.#running === undefined) {
      await this.#ends.end(this.#client);
      return;
    }
    // Without the request the server would go on with the statement, and not look for its client before its end.
    const cancelled = this.cancel();
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
