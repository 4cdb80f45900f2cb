import pg from 'pg';
import {
  isInTransactionOf,
  libraryPool,
  type LibrarySession,
  openSession,
  runHere,
  SharedSession,
  placeOn,
} from '../../../library/index.ts';
import { InvalidOptionError, knownToCopies, type ErrorPlace, located } from '../../../core/index.ts';
import { type Database, internalsOf } from '../../../database/index.ts';
import type { QueryResult, Statement } from '../../../driver/index.ts';
import type { NativeStatement } from '../wire/rows.ts';
import type { TypeParsers } from '../wire/pg-types.ts';
import { AmbientClient, giveCallback } from './client.ts';
import { executeHere } from './execute.ts';
import type { ConnectListener, ConnectListeners } from './connect-listeners.ts';
import { planOf } from './library-text.ts';
import { type AmbientPoolOptions, readAmbientPoolOptions } from './pool-options.ts';
import { type QueryRequest, readRequest, submittableIn } from './request.ts';

export type { AmbientPoolOptions } from './pool-options.ts';

type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (error?: unknown) => void,
) => void;

/** Events of connections, for whatever purpose they were opened. */
const ofConnections: ReadonlySet<string | symbol> = new Set(['connect', 'remove', 'error']);

interface PoolSettings extends AmbientPoolOptions {
  readonly config: pg.ClientConfig;
  readonly max: number | undefined;
  readonly connects: ConnectListeners;
}

/**
 * A `pg.Pool` for any library: inside a transaction of Sluice its queries and clients are that transaction's,
 * outside they have connections of their own, from the budget of the client. Made by `ambientPool`.
 *
 * Connections belong to the database: `connect`, `remove` and `error` tell of all of the client's, and `end()` ends
 * this pool alone.
 */
class AmbientPool extends pg.Pool {
  static {
    knownToCopies(AmbientPool, 'pool-of-postgres');
  }

  readonly #database: Database;
  readonly #clientName: string;
  readonly #types: TypeParsers | undefined;
  readonly #connects: ConnectListeners;
  /** Emits events of connections; added with the first listener. */
  readonly #listener: ConnectListener = {
    opened: (client) => void this.emit('connect', client),
    died: (error, client) => void (this.listenerCount('error') > 0 && this.emit('error', error, client)),
    closed: (client) => void this.emit('remove', client),
  };
  #ended = false;

  constructor(database: Database, clientName: string, { config, max, types, connects }: PoolSettings) {
    super({ ...config, ...(max === undefined ? {} : { max }) });
    this.#types = types;
    this.#connects = connects;
    this.#database = database;
    this.#clientName = clientName;
    const { pool } = internalsOf(database).clientNamed(clientName);
    const stats = pool.stats.bind(pool);
    Object.defineProperties(this, {
      ended: show(() => this.#ended),
      ending: show(() => this.#ended),
      totalCount: show(() => stats().used + stats().idle),
      idleCount: show(() => stats().idle),
      waitingCount: show(() => stats().waiting),
      expiredCount: show(() => 0),
    });
    (this as NodeJS.EventEmitter).on('newListener', (event) => {
      if (ofConnections.has(event) && !this.#ended) connects.add(this.#listener);
    });
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | undefined {
    const connecting = this.#connect();
    if (callback === undefined) return connecting as Promise<unknown> as Promise<pg.PoolClient>;
    connecting.then(
      (client) =>
        callback(undefined, client as unknown as pg.PoolClient, (error) => client.release(error as Error | undefined)),
      (error: Error) => callback(error, undefined, () => {}),
    );
    return undefined;
  }

  // One method for the many forms of pg, whose overloads the type of the class names.
  override query: pg.Pool['query'] = ((...args: readonly unknown[]): unknown => {
    const submittable = submittableIn(args);
    if (submittable !== undefined) {
      giveCallback(submittable, args);
      void this.#submit(submittable);
      return submittable;
    }
    const request = readRequest(args, this.#types);
    const { callback } = request;
    const answer = this.#query(request);
    if (callback === undefined) return answer;
    answer.then(
      (result) => callback(undefined, result),
      (error: unknown) => callback(error as Error),
    );
    return undefined;
  }) as pg.Pool['query'];

  /** Ends this pool, and none of the connections, which are the database's. */
  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | undefined {
    this.#ended = true;
    this.#connects.delete(this.#listener);
    if (callback === undefined) return Promise.resolve();
    callback();
    return undefined;
  }

  async #connect(): Promise<AmbientClient> {
    this.#assertOpen();
    const session = await openSession(this.#database, this.#clientName, 'a connection of an ambient pool');
    const client = this.#clientOn(session);
    this.emit('acquire', client);
    return client;
  }

  #clientOn(session: LibrarySession): AmbientClient {
    return new AmbientClient(session, this.#types, (released, error) => this.emit('release', error, released));
  }

  async #query(request: QueryRequest): Promise<unknown> {
    this.#assertOpen();
    const isBlock = planOf(request.text).isBlock && !request.values?.length;
    if (isBlock && !isInTransactionOf(this.#database, this.#clientName)) return await this.#queryBlock(request);
    const isHeard = this.listenerCount('acquire') > 0 || this.listenerCount('release') > 0;
    try {
      return isHeard ? await this.#queryAloud(request) : await executeHere(this.#run, request);
    } catch (error) {
      throw located(error, this.#place);
    }
  }

  /** Where its queries are, for errors. */
  readonly #place = (): ErrorPlace => placeOn(this.#database, this.#clientName);

  readonly #run = (statements: readonly Statement[]): Promise<readonly QueryResult[]> =>
    runHere(this.#database, this.#clientName, statements);

  /** Several statements with a transaction of their own need a connection that is not shared in between. */
  async #queryBlock(request: QueryRequest): Promise<unknown> {
    const client = await this.#connect();
    try {
      const result = await client.execute(request);
      client.release();
      return result;
    } catch (error) {
      client.release(error as Error);
      throw error;
    }
  }

  /** Emits the pool's events as if a client had been taken for the query. */
  async #queryAloud(request: QueryRequest): Promise<unknown> {
    let client: AmbientClient | undefined;
    const acquired = (): void => {
      if (client !== undefined) return;
      client = this.#clientOn(new SharedSession(this.#run, this.#place));
      this.emit('acquire', client);
    };
    const run = (statements: readonly Statement[]): Promise<readonly QueryResult[]> =>
      this.#run(statements.map((statement) => toldOf(statement, acquired)));
    try {
      const result = await executeHere(run, request);
      client?.release();
      return result;
    } catch (error) {
      client?.release(error as Error);
      throw error;
    }
  }

  async #submit(submittable: pg.Submittable): Promise<void> {
    try {
      const client = await this.#connect();
      client.query(submittable);
      // It goes back after what the query object does.
      const release = (): void => client.release();
      for (const event of ['end', 'close', 'error'])
        (submittable as unknown as NodeJS.EventEmitter).once(event, release);
    } catch (error) {
      (submittable as unknown as { handleError(error: unknown, connection: object): void }).handleError(error, this);
    }
  }

  #assertOpen(): void {
    if (this.#ended) throw new Error('Cannot use a pool after calling end on the pool');
  }
}

/** Calls back when a connection has the statement. */
function toldOf(statement: Statement, acquired: () => void): Statement {
  const native = statement.native as NativeStatement;
  const start: NativeStatement['start'] = () => {
    acquired();
    return native.start();
  };
  return { ...statement, native: { start } };
}

function show(get: () => unknown): PropertyDescriptor {
  return { get, set() {}, configurable: true };
}

export function createAmbientPool(database: Database, clientName: string, settings: PoolSettings): pg.Pool {
  return new AmbientPool(database, clientName, settings);
}

/**
 * A `pg.Pool` for any library that takes one: inside a transaction of the database its queries join that
 * transaction, and its own `BEGIN`, `SAVEPOINT` and so on nest in it; outside it behaves as a pool of pg.
 * Libraries that open transactions by themselves also need their `bind`.
 *
 * ```ts
 * import { Kysely, PostgresDialect } from 'kysely';
 * const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: ambientPool(database) }) });
 * ```
 * @param clientName default: the default client
 * @throws UnknownClientError, InvalidOptionError for a client that is not on PostgreSQL
 */
export function ambientPool<Name extends string>(
  database: Database<Name>,
  clientName?: NoInfer<Name>,
  options: AmbientPoolOptions = {},
): pg.Pool {
  const pool = libraryPool(database, clientName, readAmbientPoolOptions(options));
  if (pool instanceof AmbientPool) return pool;
  throw new InvalidOptionError({
    what: 'ambientPool of sluice/postgres got a client that was not made with postgres()',
    remedy: "Name a client that is, or use ambientPool from its engine's own entry",
  });
}
