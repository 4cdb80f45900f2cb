import type { LibrarySession } from '../../../library/index.ts';
import type { Exchange, QueryResult, Statement } from '../../../driver/index.ts';
import type { PostgresConnection } from '../exchange/connection.ts';
import { AmbientClient } from './client.ts';

/** Is called for each connection that the client's pool opens, for any purpose. */
export interface ConnectListener {
  /** What is sent through `client` in the same moment is answered before anything else uses the connection. */
  opened(client: AmbientClient): void;
  /** A connection died while it lay idle. */
  died(error: unknown, client: AmbientClient): void;
  closed(client: AmbientClient): void;
}

/** Tells ambient pools of the connections of their client. */
export class ConnectListeners {
  readonly #listeners = new Set<ConnectListener>();

  add(listener: ConnectListener): void {
    this.#listeners.add(listener);
  }

  delete(listener: ConnectListener): void {
    this.#listeners.delete(listener);
  }

  /** @throws what a listener throws */
  async opened(connection: PostgresConnection, signal: AbortSignal): Promise<void> {
    const session = new OpeningSession(connection);
    const client = new AmbientClient(session, undefined, () => {});
    connection.client.once('error', (error) => {
      if (connection.isFree) for (const listener of this.#listeners) listener.died(error, client);
    });
    connection.client.once('end', () => {
      for (const listener of this.#listeners) listener.closed(client);
    });
    if (this.#listeners.size === 0) return;
    const onAbort = (): void => void connection.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for (const listener of this.#listeners) listener.opened(client);
      await session.idle();
      client.release();
    } catch (error) {
      await connection.destroy();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}

/** A connection before anybody has it. */
class OpeningSession implements LibrarySession {
  readonly pinned: undefined;
  readonly remains: undefined;
  readonly #connection: PostgresConnection;
  #last: Promise<unknown> = Promise.resolve();

  constructor(connection: PostgresConnection) {
    this.#connection = connection;
  }

  get backendId(): number {
    return this.#connection.backend.id;
  }

  /** Resolves when all that was sent is answered, and nothing of it is open. */
  async idle(): Promise<void> {
    await this.#last;
    if (this.#connection.status !== 'idle') await this.#connection.run([{ type: 'rollback' }]);
  }

  async run(statements: readonly Statement[]): Promise<readonly QueryResult[]> {
    const steps = statements.map((statement) => ({ type: 'statement', statement }) as const);
    const running: Promise<Exchange> = this.#last.then(() => this.#connection.run(steps));
    this.#last = running.catch(() => {});
    const { failure, results } = await running;
    if (failure !== undefined) throw failure.error;
    return results;
  }

  async control(_command: object, statement: Statement): Promise<QueryResult | undefined> {
    return (await this.run([statement]))[0];
  }

  cancel(): Promise<void> {
    return this.#connection.cancel();
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}
