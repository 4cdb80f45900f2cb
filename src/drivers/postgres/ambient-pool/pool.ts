import pg from 'pg';
import { libraryPool, openSession, runHere } from '../../../ambient/index.ts';
import { InvalidOptionError, readOptions, withMethods } from '../../../core/index.ts';
import { type Database, internalsOf } from '../../../database/index.ts';
import type { TypeParsers } from '../pg-types.ts';
import { AmbientClient } from './client.ts';
import { executeHere } from './execute.ts';
import { readRequest, submittableIn } from './request.ts';

type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (error?: unknown) => void,
) => void;

export interface AmbientPoolOptions {
  /** Type parsers of this pool's results alone, in place of those of the client. */
  readonly types?: TypeParsers | undefined;
}

interface PoolSettings extends AmbientPoolOptions {
  readonly config: pg.ClientConfig;
  readonly max: number | undefined;
}

/**
 * A `pg.Pool` for any library: inside a transaction of Sluice its queries and clients are that transaction's,
 * outside they have connections of their own, from the budget of the client. Made by `ambientPool`.
 *
 * It emits `acquire`, `release` and `error`; connections belong to the database, so there is no `connect`
 * and no `remove`, and `end()` ends this pool alone.
 */
class AmbientPool extends pg.Pool {
  readonly #database: Database;
  readonly #clientName: string;
  readonly #types: TypeParsers | undefined;
  #ended = false;

  constructor(database: Database, clientName: string, { config, max, types }: PoolSettings) {
    super({ ...config, ...(max === undefined ? {} : { max }) });
    this.#types = types;
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
      void this.#submit(submittable);
      return submittable;
    }
    const request = readRequest(args, this.#types);
    const { callback } = request;
    const answer = this.#query(request);
    if (callback === undefined) return answer;
    answer.then(
      (result) => callback(null, result),
      (error: unknown) => callback(error as Error),
    );
    return undefined;
  }) as pg.Pool['query'];

  /** Ends this pool, and none of the connections, which are the database's. */
  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | undefined {
    this.#ended = true;
    if (callback === undefined) return Promise.resolve();
    callback();
    return undefined;
  }

  async #connect(): Promise<AmbientClient> {
    this.#assertOpen();
    const session = await openSession(this.#database, this.#clientName, 'a connection of an ambient pool');
    const client = new AmbientClient(session, this.#types, (released, destroyed) =>
      this.emit('release', destroyed ? new Error('the client was destroyed') : undefined, released),
    );
    this.emit('acquire', client);
    return client;
  }

  async #query(request: ReturnType<typeof readRequest>): Promise<unknown> {
    this.#assertOpen();
    return await executeHere((statements) => runHere(this.#database, this.#clientName, statements), request);
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
 * ```
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
  const read = readOptions('ambientPool', options, { types: withMethods('getTypeParser') });
  const pool = libraryPool(database, clientName, read);
  if (pool instanceof AmbientPool) return pool;
  throw new InvalidOptionError({
    what: 'An ambient pool was asked for on a client that is not one of postgres()',
    remedy: "Name a client that is, or use ambientPool from its engine's own entry",
  });
}
