import { EventEmitter } from 'node:events';
import mysql, { type ConnectionOptions, type Pool } from 'mysql2';
import { libraryPool, openSession, runHere, SharedSession, placeOn } from '../../../library/index.ts';
import { checkBody, InvalidOptionError, knownToCopies, type ErrorPlace, located } from '../../../core/index.ts';
import type { Database } from '../../../database/index.ts';
import type { QueryResult, Statement } from '../../../driver/index.ts';
import type { NativeStatement } from '../exchange/statement.ts';
import { AmbientConnection, callBack } from './connection.ts';
import { type Answer, executeHere } from './execute.ts';
import { escape, type Escaping, format } from './escaping.ts';
import { PromisePool } from './promise-pool.ts';
import { AmbientQuery } from './query.ts';
import { readRequest, type Request } from './request.ts';

type Run = (statements: readonly Statement[]) => Promise<readonly QueryResult[]>;
type ConnectionCallback = (error: Error | null, connection?: AmbientConnection) => void;

/**
 * A pool of mysql2 for any library: inside a transaction of Sluice its queries and connections are that transaction's,
 * outside they have connections of their own, from the budget of the client. Made by `ambientPool`.
 *
 * It emits `acquire` and `release`; connections belong to the database, so there is no `connection`, and `end()`
 * ends this pool alone.
 */
class AmbientPool extends EventEmitter implements Escaping {
  static {
    knownToCopies(AmbientPool, 'pool-of-mysql');
  }

  readonly #database: Database;
  readonly #clientName: string;
  readonly #config: ConnectionOptions;
  #ended = false;

  constructor(database: Database, clientName: string, config: ConnectionOptions) {
    super();
    this.#database = database;
    this.#clientName = clientName;
    this.#config = config;
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
    this.end();
  }

  /** @throws InvalidOptionError without a callback: the connection could never be given back */
  getConnection(callback: ConnectionCallback): void {
    checkBody('getConnection() of a pool, which calls back,', callback);
    this.#connect().then(
      (connection) => callback(null, connection),
      (error: Error) => callback(error),
    );
  }

  releaseConnection(connection: AmbientConnection): void {
    connection.release();
  }

  query(...args: readonly unknown[]): AmbientQuery | undefined {
    return this.#ask(readRequest('query', args, this.#config));
  }

  execute(...args: readonly unknown[]): AmbientQuery | undefined {
    return this.#ask(readRequest('execute', args, this.#config));
  }

  /** Ends this pool, and none of the connections, which are the database's. */
  end(callback?: (error: Error | null) => void): void {
    this.#ended = true;
    callback?.(null);
  }

  /** The same pool, for callers who await. */
  promise(): PromisePool {
    const ask = async (method: 'query' | 'execute', args: readonly unknown[]): Promise<Answer> =>
      await this.#run(readRequest(method, args, this.#config));
    return new PromisePool(this, ask, async () => (await this.#connect()).promise());
  }

  async #connect(): Promise<AmbientConnection> {
    this.#assertOpen();
    const session = await openSession(this.#database, this.#clientName, 'a connection of an ambient pool');
    const connection = new AmbientConnection(session, this.#config, (released) => this.emit('release', released));
    this.emit('acquire', connection);
    return connection;
  }

  #ask(request: Request): AmbientQuery | undefined {
    const answer = this.#run(request);
    const { callback } = request;
    if (callback === undefined) return new AmbientQuery(answer);
    callBack(answer, callback);
    return undefined;
  }

  async #run({ statement }: Request): Promise<Answer> {
    this.#assertOpen();
    const run: Run = (sent) => runHere(this.#database, this.#clientName, sent);
    const isHeard = this.listenerCount('acquire') > 0 || this.listenerCount('release') > 0;
    try {
      return isHeard ? await this.#runAloud(run, statement) : await executeHere(run, statement);
    } catch (error) {
      throw located(error, this.#place);
    }
  }

  /** Where its queries are, for errors. */
  readonly #place = (): ErrorPlace => placeOn(this.#database, this.#clientName);

  /** Emits the pool's events as if a connection had been taken for the query. */
  async #runAloud(run: Run, statement: Statement): Promise<Answer> {
    let connection: AmbientConnection | undefined;
    const onSend = (): void => {
      if (connection !== undefined) return;
      connection = new AmbientConnection(new SharedSession(run, this.#place), this.#config, () => {});
      this.emit('acquire', connection);
    };
    const native: NativeStatement = { ...(statement.native as NativeStatement), onSend };
    try {
      return await executeHere(run, { ...statement, native });
    } finally {
      if (connection !== undefined) this.emit('release', connection);
    }
  }

  #assertOpen(): void {
    if (this.#ended) throw new Error('Pool is closed.');
  }
}

export function createAmbientPool(database: Database, clientName: string, config: ConnectionOptions): object {
  return new AmbientPool(database, clientName, config);
}

/**
 * A pool of mysql2 for any library that takes one, with callbacks, or with promises through its `promise()`:
 * inside a transaction of the database its queries join that transaction, and its own `BEGIN`, `SAVEPOINT` and so
 * on nest in it; outside it behaves as a pool of mysql2. Libraries that open transactions by themselves
 * also need their `bind`.
 *
 * ```ts
 * import { Kysely, MysqlDialect } from 'kysely';
 * const kysely = new Kysely<Tables>({ dialect: new MysqlDialect({ pool: ambientPool(database) }) });
 * ```
 * @param clientName default: the default client
 * @throws UnknownClientError, InvalidOptionError for a client that is not on MySQL or MariaDB
 */
export function ambientPool<Name extends string>(database: Database<Name>, clientName?: NoInfer<Name>): Pool {
  const pool = libraryPool(database, clientName);
  if (pool instanceof AmbientPool) return pool as unknown as Pool;
  throw new InvalidOptionError({
    what: 'ambientPool of sluice/mysql got a client that was not made with mysql()',
    remedy: "Name a client that is, or use ambientPool from its engine's own entry",
  });
}
