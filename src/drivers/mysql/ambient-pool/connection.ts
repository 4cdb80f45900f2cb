import { EventEmitter } from 'node:events';
import mysql, { type ConnectionOptions } from 'mysql2';
import { type LibrarySession, releasedSession, type Remains } from '../../../library/index.ts';
import { InvalidOptionError } from '../../../core/index.ts';
import { MysqlConnection } from '../exchange/connection.ts';
import type { ResultCallback } from '../wire/mysql2-types.ts';
import { escape, type Escaping, format } from './escaping.ts';
import { type Answer, executeOn } from './execute.ts';
import { PromiseConnection } from './promise-connection.ts';
import { AmbientQuery } from './query.ts';
import { readRequest, type Request } from './request.ts';

type DoneCallback = (error: Error | null) => void;

/**
 * What a library takes for a `PoolConnection` of mysql2: a connection of its own outside of a transaction, and a
 * share in that of the ambient one inside. It shows what libraries use of a connection.
 */
export class AmbientConnection extends EventEmitter implements Escaping {
  readonly #config: ConnectionOptions;
  #session: LibrarySession;
  #remains: Remains | undefined;
  readonly #onRelease: (connection: AmbientConnection) => void;
  /** What ends with its release. */
  readonly #stops: (() => void)[] = [];
  #released = false;
  /** What is asked now may be taken back. */
  #asksAlone = false;

  constructor(session: LibrarySession, config: ConnectionOptions, onRelease: (connection: AmbientConnection) => void) {
    super();
    this.#session = session;
    this.#config = config;
    this.#onRelease = onRelease;
  }

  /** How it is connected, for a library that opens another one to cancel what runs here; without a password that is asked for. */
  get config(): ConnectionOptions {
    return this.#config;
  }

  /** The death of the connection comes from that underneath, for those who listen. */
  override on(event: string | symbol, listener: (...args: never[]) => void): this {
    if (event === 'error' || event === 'end') this.#forward(event);
    return super.on(event, listener as (...args: unknown[]) => void);
  }

  override addListener(event: string | symbol, listener: (...args: never[]) => void): this {
    return this.on(event, listener);
  }

  /** The server's number of the connection; none in a transaction that has sent nothing yet. */
  get threadId(): number | null {
    return this.#session.backendId ?? null;
  }

  /** Values are written into the text. With a callback, or without one a query object; see `promise()`. */
  query(...args: readonly unknown[]): AmbientQuery | undefined {
    return this.#ask(readRequest('query', args, this.#config));
  }

  /** Values are sent as parameters, apart from the text. */
  execute(...args: readonly unknown[]): AmbientQuery | undefined {
    return this.#ask(readRequest('execute', args, this.#config));
  }

  /** Where a query is sent that `cancelRunning` may take back. */
  get alone(): Pick<AmbientConnection, 'query'> {
    const query = (...args: readonly unknown[]): AmbientQuery | undefined => {
      this.#asksAlone = true;
      try {
        return this.query(...args);
      } finally {
        this.#asksAlone = false;
      }
    };
    return { query };
  }

  /** Takes back the query that was sent last, if it has not ended: the server cancels it, or it is not sent. */
  cancelRunning(): Promise<void> {
    return this.#session.cancel();
  }

  beginTransaction(callback: DoneCallback): void {
    this.query('START TRANSACTION', callback);
  }

  commit(callback: DoneCallback): void {
    this.query('COMMIT', callback);
  }

  rollback(callback: DoneCallback): void {
    this.query('ROLLBACK', callback);
  }

  ping(callback: DoneCallback): void {
    this.query('DO 0', callback);
  }

  /** Gives it back; a second call does nothing. */
  release(): void {
    this.#giveBack(false);
  }

  /** Gives it back to be closed, unless it is that of the ambient transaction. */
  destroy(): void {
    this.#giveBack(true);
  }

  format(sql: string, values?: unknown): string {
    return format(this.#config, sql, values);
  }

  escape(value: unknown): string {
    return escape(this.#config, value);
  }

  escapeId(value: string | string[]): string {
    return mysql.escapeId(value);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  end(callback?: DoneCallback): void {
    this.release();
    callback?.(null);
  }

  /** The same connection, for callers who await. */
  promise(): PromiseConnection {
    return new PromiseConnection(this, (method, args) => this.#run(readRequest(method, args, this.#config)));
  }

  #ask(request: Request): AmbientQuery | undefined {
    const answer = this.#run(request);
    const { callback } = request;
    if (callback === undefined) return new AmbientQuery(answer);
    callBack(answer, callback);
    return undefined;
  }

  async #run({ statement }: Request): Promise<Answer> {
    if (this.#released) {
      this.#remains?.assertNotOver();
      throw released();
    }
    return await executeOn(this.#session, statement, this.#asksAlone);
  }

  #giveBack(destroy: boolean): void {
    if (this.#released) return;
    this.#released = true;
    for (const stop of this.#stops) stop();
    const session = this.#session;
    this.#remains = session.remains;
    // Libraries remember the connections that they had.
    this.#session = releasedSession;
    void session.release(destroy).then(() => this.#onRelease(this));
  }

  #forward(event: 'error' | 'end'): void {
    const connection = this.#session.pinned?.connection;
    if (this.#released || !(connection instanceof MysqlConnection) || this.listenerCount(event) > 0) return;
    const { client } = connection;
    const forward = (message: unknown): void => {
      // An `error` event without a listener would be thrown.
      if (this.listenerCount(event) > 0) this.emit(event, message);
    };
    client.on(event, forward);
    this.#stops.push(() => client.removeListener(event, forward));
  }
}

export function callBack(answer: Promise<Answer>, callback: ResultCallback): void {
  answer.then(
    ([rows, fields]) => callback(null, rows, fields),
    (error: unknown) => callback(error as Error),
  );
}

function released(): InvalidOptionError {
  return new InvalidOptionError({
    what: 'A query was sent on a connection that was already released to its pool',
    remedy: 'Release it after its last query, or use the pool',
  });
}
