import {
  type Ancestor,
  currentFrame,
  findPlace,
  Frame,
  type FrameChange,
  BaseLevel,
  frameOfCall,
  levelIsolated,
  runInFrame,
} from '../context/index.ts';
import {
  anything,
  type Check,
  checkBody,
  type Clock,
  type HistoryEntry,
  integer,
  knownToCopies,
  onAbort,
  openToCopies,
  readOptions,
  systemClock,
  typeName,
} from '../core/index.ts';
import type { ClientDefinition, QueryResult, Sql } from '../driver/index.ts';
import type { PoolStats } from '../pool/index.ts';
import type { HolderInfo } from '../observation/index.ts';
import type { TransactionalClient } from '../connection/index.ts';
import { settingsHere } from '../riders/index.ts';
import {
  createDecorator,
  defaultHookLimit,
  type QueryOptions,
  refuseDeferred,
  type ResultsOf,
  runScope,
  type TransactionalDecorator,
  type TransactionOptions,
} from '../transaction/index.ts';
import { Client } from './client.ts';
import { closeChecks, closeClients, type CloseOptions } from './close-clients.ts';
import { Db } from './db.ts';
import { transactional } from './decorator.ts';
import { historyIn, type HoldersOptions, isOpenOn, lookAtHolders } from './holders.ts';
import { runDetached } from './run-detached.ts';
import { noDatabase, UnknownClientError } from './errors.ts';
import { type DatabaseOptions, readDatabaseOptions } from './options.ts';
import { watchDatabase } from './watch-database.ts';
import { registerDatabase, unregisterDatabase } from './open-databases.ts';

/** Where a call is to run. */
export interface DbInfo<Name extends string = string> {
  /** Default: the current client. */
  readonly clientName?: Name | undefined;
  /** A whole number from 0 to 1,000, used exactly as given. Default: the ambient level. */
  readonly level?: number | undefined;
}

/** The connections of a database in this process. */
export interface DatabaseStats<Name extends string = string> {
  /** The statistics of each pool, by client name. */
  readonly clients: Readonly<Record<Name, PoolStats>>;
}

/** Runs a body in a transaction of the current client; `batch` runs statements that are known in advance. */
export interface TransactionFunction {
  <Result>(body: () => Result | PromiseLike<Result>, options?: TransactionOptions): Promise<Result>;
  /** Runs statements that are known in advance as one transaction. */
  readonly batch: BatchFunction;
}

/** Runs statements that are known in advance as one transaction, in one round trip; all take effect or none. */
export type BatchFunction = <const Statements extends readonly Sql<unknown>[]>(
  statements: Statements,
  options?: TransactionOptions,
) => Promise<ResultsOf<Statements>>;

/** Runs one statement: one made by `sql` or `statement`, or a text with its values. */
export interface QueryFunction {
  <Row = Record<string, unknown>>(statement: Sql<Row>, options?: QueryOptions): Promise<QueryResult<Row>>;
  <Row = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<QueryResult<Row>>;
}

const infoChecks: Record<keyof DbInfo, Check> = { clientName: anything, level: integer(0, 1_000) };

/** What the parts of Sluice above the database need of it, and its users do not. */
export interface DatabaseInternals {
  /** @throws UnknownClientError */
  clientNamed(name: unknown): TransactionalClient;
  /** The deepest level that any client has a connection reserved for. */
  readonly maxLevel: number;
  readonly defaultClientName: string;
  /** Names the settings by context that hold here, of all clients; an empty text for none. */
  settingsHere(): string;
  /** What has happened in the chain of a transaction that is open; undefined for one that is not. */
  historyOf(id: string): readonly HistoryEntry[] | undefined;
  /** Whether it closes, and one of these transactions is open here, which it lets end. */
  letsEnd(ancestors: readonly Ancestor[]): boolean;
  /** Whether `close()` was called. */
  isClosed(): boolean;
  /** Calls back once when `close()` is called, and at once where it was. @returns takes the callback back */
  onClose(callback: () => void): () => void;
}

/** @throws InvalidOptionError for what is no database; MixedVersionsError for one of another version of the package */
export let internalsOf: (database: Database, owner?: string) => DatabaseInternals;

/** The clients of a program by name, and the ambient transactions on them. Made by `createDatabase`. */
export class Database<Name extends string = string> {
  /** Decorates an async method with a transaction of `this.bean.database`, or else of the default database. */
  static readonly transaction: (options?: TransactionOptions) => TransactionalDecorator = transactional;

  static {
    knownToCopies(Database, 'database');
    const internals = openToCopies(
      Database.prototype,
      'database',
      (database): DatabaseInternals => database.#internals,
    );
    internalsOf = (database, owner) => {
      if (typeof database === 'object' && database !== null && #internals in database) return database.#internals;
      const found = internals(database);
      if (found === undefined) throw noDatabase(database, owner);
      return found;
    };
  }

  /** Runs a body in a transaction of the current client. May be taken off the database and called alone. */
  readonly transaction: TransactionFunction;
  /**
   * Runs one statement on the current client; the same as `current.query`. May be taken off the database.
   *
   * ```ts
   * const { rows } = await database.query(sql<Product>`select * from product where id = ${id}`);
   * ```
   */
  readonly query: QueryFunction;
  /**
   * Runs statements that are known in advance as one transaction; the same as `transaction.batch`.
   *
   * ```ts
   * const [products, orders] = await database.batch([
   *   sql<Product>`select * from product where id = ${id}`,
   *   sql<Order>`select * from orders where product_id = ${id}`,
   * ]);
   * ```
   */
  readonly batch: BatchFunction;
  /**
   * Decorates an async method with a transaction of this database; for both decorator standards.
   *
   * ```ts
   * class Orders {
   *   @database.Transactional({ isolationLevel: 'SERIALIZABLE' })
   *   async place(productId: number): Promise<void> {
   *     await database.query(sql`insert into orders (product_id) values (${productId})`);
   *   }
   * }
   * ```
   */
  readonly Transactional: (options?: TransactionOptions) => TransactionalDecorator;
  readonly #clients = new Map<string, Client>();
  readonly #handles = new Map<object, Db<Name>>();
  readonly #default: Client;
  readonly #clock: Clock;
  readonly #internals: DatabaseInternals;
  readonly #endWatch: () => void;
  readonly #closeCalled = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(options: DatabaseOptions<Name>) {
    const { clients, defaultClient, lockProbeAfter: after, ...others } = readDatabaseOptions(options);
    const { hookLimit = defaultHookLimit, clock = systemClock, random = Math.random, unbound = 'warn' } = others;
    const lockProbeAfter = after === false ? undefined : (after ?? 100);
    const dependencies = { database: this, clock, random, hookLimit, lockProbeAfter, unbound };
    this.#clock = clock;
    for (const [name, definition] of Object.entries<ClientDefinition>(clients)) {
      const client = new Client(name, definition, dependencies);
      this.#clients.set(name, client);
      this.#handles.set(client, new Db(name as Name, client));
    }
    this.#default = this.#clientNamed(defaultClient);
    const withSettings = [...this.#clients.values()].filter(({ settings }) => settings !== undefined);
    this.#internals = {
      clientNamed: (name) => this.#clientNamed(name),
      maxLevel: Math.max(...[...this.#clients.values()].map(({ pool }) => pool.settings.maxLevel)),
      defaultClientName: this.#default.name,
      settingsHere: () => settingsHere(withSettings),
      historyOf: (id) => historyIn([...this.#clients.values()], id),
      letsEnd: (above) => this.#closeCalled.signal.aborted && isOpenOn([...this.#clients.values()], above),
      isClosed: () => this.#closeCalled.signal.aborted,
      onClose: (callback) => onAbort(this.#closeCalled.signal, callback),
    };
    this.transaction = Object.assign(
      <Result>(body: () => Result | PromiseLike<Result>, transactionOptions?: TransactionOptions) =>
        runScope({ client: this.#currentClient(), level: undefined }, body, transactionOptions),
      {
        batch: <const Statements extends readonly Sql<unknown>[]>(
          statements: Statements,
          transactionOptions?: TransactionOptions,
        ) => this.current.transaction.batch(statements, transactionOptions),
      },
    );
    this.batch = this.transaction.batch;
    this.query = ((given: never, values?: never, queryOptions?: never) =>
      this.current.query(given, values, queryOptions)) as QueryFunction;
    this.Transactional = (...given) =>
      createDecorator((_instance, body, frozen) => this.transaction(body, frozen), given);
    this.#endWatch = watchDatabase(this, [...this.#clients.values()], others);
    registerDatabase(this);
  }

  /** The handle on the client that is current here. It follows the ambient transaction wherever it is used. */
  get current(): Db<Name> {
    return this.#handle(this.#currentClient());
  }

  /**
   * A handle on a client; with a level it stands at exactly that one.
   * @throws UnknownClientError, InvalidOptionError
   */
  getDb(info: DbInfo<Name> = {}): Db<Name> {
    const { client, level } = this.#placeOf(info);
    return level === undefined ? this.#handle(client) : new Db(client.name as Name, client, level);
  }

  /**
   * Runs `body` with another client, level or both as the current ones.
   *
   * ```ts
   * const sales = await database.switchDb(() => readSales(), { clientName: 'reports' });
   * ```
   * @throws UnknownClientError, InvalidOptionError
   */
  async switchDb<Result>(body: () => Result | PromiseLike<Result>, info: DbInfo<Name>): Promise<Result> {
    checkBody('switchDb', body);
    const { client, level: wanted } = this.#placeOf(info);
    const { scope, hooks, at } = findPlace(frameOfCall(), client, wanted);
    const baseLevel = wanted === undefined ? at?.baseLevel : undefined;
    return await this.#runIn({ client, level: wanted ?? at?.level, baseLevel, scope, hooks, current: client }, body);
  }

  /**
   * Runs `body` outside of any transaction, one level deeper and above all that its chain holds.
   *
   * ```ts
   * await database.transaction(async () => {
   *   // Stays, even if the transaction around it is rolled back.
   *   await database.switchDbIsolate(() => writeAudit('checkout'));
   * });
   * ```
   * @throws UnknownClientError
   */
  async switchDbIsolate<Result>(
    body: () => Result | PromiseLike<Result>,
    info: Pick<DbInfo<Name>, 'clientName'> = {},
  ): Promise<Result> {
    checkBody('switchDbIsolate', body);
    const { client } = this.#placeOf(info);
    const frame = frameOfCall();
    const baseLevel = new BaseLevel(levelIsolated(this.current.level, frame), frame?.baseLevel);
    try {
      return await this.#runIn({ client, baseLevel, scope: undefined, current: client }, body);
    } finally {
      baseLevel.end();
    }
  }

  /**
   * Runs `body` in nothing that is open here: in no transaction, at level 0 and without the deadline of the chain; the values
   * of `withContext` stay. It is not awaited. Its failure is published on the channel `sluice:background:error`, or is a
   * process warning where that has no subscriber. For event listeners and other callbacks that outlive their transaction.
   *
   * ```ts
   * emitter.on('sold', (productId: number) => {
   *   database.detached(() => sendMail(`product ${productId} was sold`));
   * });
   * ```
   * @throws InvalidOptionError for what is no function
   */
  detached(body: () => unknown): void {
    runDetached(body);
  }

  /** Connections in use and requests that wait, by client. */
  stats(): DatabaseStats<Name> {
    const entries = [...this.#clients].map(([name, { pool }]) => [name, pool.stats()] as const);
    return { clients: Object.fromEntries(entries) as Record<Name, PoolStats> };
  }

  /**
   * Who has a connection now, or waits for one: open transactions, statements outside of them, and checkouts of libraries, those
   * that began first first. Each with what it runs and what it waits for; `formatHolders` makes text of it. Statements have
   * no literals and no values. The server is asked for locks where something runs.
   *
   * ```ts
   * console.log(formatHolders(await database.holders()));
   * ```
   * @throws InvalidOptionError
   */
  async holders(options: HoldersOptions = {}): Promise<readonly HolderInfo[]> {
    return await lookAtHolders([...this.#clients.values()], options);
  }

  /**
   * Refuses new work, also requests that come in from now on, lets what runs end (a chain that has begun may still open what it
   * needs), and closes every connection. What has not ended within the timeout (10 s unless given) is rolled back, and hooks are waited for
   * no more: by the time that this resolves its callers were told, with a DatabaseClosedError (in an AfterCommitError for what
   * is committed), and compensations have run, unless they take longer than five seconds.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const { timeout = 10_000 } = readOptions('close', options, closeChecks);
    await (this.#closing ??= this.#close(timeout));
  }

  /** The same as `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeout: number): Promise<void> {
    this.#closeCalled.abort();
    await closeClients([...this.#clients.values()], {
      clock: this.#clock,
      timeout,
      waitsForItself: this.#isOpenHere(),
    });
    this.#endWatch();
    unregisterDatabase(this);
  }

  /** Whether a transaction of this database is open around this call. */
  #isOpenHere(): boolean {
    let open = currentFrame()?.innermost;
    while (open !== undefined && open.client.database !== this) open = open.outer;
    return open !== undefined;
  }

  async #runIn<Result>(change: FrameChange, body: () => Result | PromiseLike<Result>): Promise<Result> {
    const run = async (): Promise<Result> => {
      const result = await body();
      refuseDeferred(result, 'switchDb');
      return result;
    };
    return await runInFrame(new Frame(currentFrame(), change), run, undefined);
  }

  #handle(client: Client): Db<Name> {
    const handle = this.#handles.get(client);
    if (handle === undefined) throw this.#unknown(client.name);
    return handle;
  }

  #currentClient(): Client {
    const current = currentFrame()?.current;
    return current?.database === this ? this.#clientNamed(current.name) : this.#default;
  }

  #placeOf(info: DbInfo): { readonly client: Client; readonly level: number | undefined } {
    const { clientName, level } = readOptions('A choice of client and level', info, infoChecks);
    return { client: clientName === undefined ? this.#currentClient() : this.#clientNamed(clientName), level };
  }

  #clientNamed(name: unknown): Client {
    const client = typeof name === 'string' ? this.#clients.get(name) : undefined;
    if (client === undefined) throw this.#unknown(name);
    return client;
  }

  #unknown(name: unknown): UnknownClientError {
    const shown = typeof name === 'string' && /^[\w.-]{1,60}$/.test(name) ? `"${name}"` : typeName(name);
    return new UnknownClientError({
      what: `The database has no client ${shown}`,
      remedy: `Its clients are: ${[...this.#clients.keys()].join(', ')}`,
    });
  }
}

/**
 * Makes the database of a program. No connection is opened before the first statement.
 *
 * ```ts
 * const database = createDatabase({
 *   clients: { default: postgres({ connectionString: process.env.DATABASE_URL, max: 10 }), reports: postgres() },
 * });
 * ```
 * @throws InvalidOptionError
 */
export function createDatabase<const Name extends string>(options: DatabaseOptions<Name>): Database<Name> {
  return new Database(options);
}
