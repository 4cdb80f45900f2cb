import { DataSource, type DataSourceOptions, type EntityManager, type Migration, type QueryRunner } from 'typeorm';
import {
  beginsElsewhere,
  boundTo,
  clientOf,
  errorOfSluice,
  type OwnTransactions,
  isInAnyTransaction,
  libraryPool,
  ownTransactions,
  Shares,
  placeOn,
} from '../../library/index.ts';
import type { CloseOptions, Database, Db, TransactionOptions } from '../../index.ts';
import { AmbientEntityManager, type Transactions } from './entity-manager.ts';
import { oldPackageKey, refuseOldPackage } from './old-package.ts';
import {
  type Followed,
  followingRunners,
  type MakeRunner,
  type PooledConnection,
  type RunnerSettings,
  type RunnerUse,
} from './query-runner.ts';
import { TransactionEvents } from './subscribers.ts';
import { knownToCopies, sharedByCopies, emitWarning } from '../../core/index.ts';

/** Where the data source gets its database from: one that it was given, or one that lives as long as it. */
export interface DatabaseSource {
  open(): Promise<Database>;
  /** What an own database is closed with. */
  close(database: Database, options: CloseOptions): Promise<void>;
  readonly clientName: string | undefined;
}

/** Where a data source that there is becomes one of Sluice: the constructor gives it back instead of a new one. */
class AdoptableDataSource extends DataSource {
  constructor(options: DataSourceOptions, adopted: DataSource | undefined) {
    // oxlint-disable-next-line no-constructor-return -- the fields of the class below are added to it
    if (adopted !== undefined) return adopted;
    super(options);
  }
}

let boundClientOf: (dataSource: object) => object | undefined;

/** A DataSource of TypeORM whose statements and transactions are those of a database of Sluice. */
export class AmbientDataSource extends AdoptableDataSource {
  static {
    knownToCopies(AmbientDataSource, 'data-source');
    // As on the handles that other entries bind, once there is a database.
    Object.defineProperty(this.prototype, boundTo, {
      get(this: object) {
        return boundClientOf(this);
      },
    });
    boundClientOf = (dataSource) => {
      if (!(#source in dataSource) || dataSource.#database === undefined) return undefined;
      return clientOf(dataSource.#database, dataSource.#source.clientName);
    };
    Object.defineProperty(this.prototype, oldPackageKey, {
      set() {
        throw refuseOldPackage();
      },
    });
  }

  readonly #source: DatabaseSource;
  #database: Database | undefined;
  /** What runners in a transaction are prepared with. */
  #joining: RunnerSettings | undefined;
  #makeRunner: MakeRunner | undefined;
  #events: TransactionEvents | undefined;
  #ownOfDatabase: OwnTransactions | undefined;
  #initializing: Promise<this> | undefined;
  #destroying: Promise<void> | undefined;
  #runnerUse: RunnerUse = 'any';
  readonly #followed = new WeakMap<QueryRunner, Followed>();

  /** @param adopted one that was made by `new`, and is not initialized: it becomes this one */
  constructor(options: DataSourceOptions, source: DatabaseSource, adopted?: DataSource) {
    // A pool is made when TypeORM connects, and then there is a database.
    const pools = { of: (): object => ({}) };
    const Pool = function Pool(): object {
      return pools.of();
    };
    const driver = { Pool, createPool: () => pools.of(), defaults };
    const withPool = { ...options, driver, ...(options.type === 'postgres' ? {} : packageOfMysql) };
    super(withPool, adopted);
    if (adopted !== undefined) this.#adopt(withPool, new.target.prototype);
    this.#source = source;
    pools.of = () => this.#poolOf(this.database);
    this.#events = new TransactionEvents(this, () => this.database, source.clientName);
    warnOfStrangers();
  }

  /** Makes of a data source of TypeORM, which this is so far, one of this class; the manager that others have already, too. */
  #adopt(options: DataSourceOptions, prototype: object): void {
    Object.setPrototypeOf(this, prototype);
    Object.assign(this, { options });
    const Driver = this.driver.constructor as new (dataSource: DataSource) => DataSource['driver'];
    this.driver = new Driver(this);
    this.createEntityManager(undefined, this.manager);
  }

  /** The database of Sluice below. @throws TypeError before `initialize` */
  get database(): Database {
    if (this.#database === undefined)
      throw new TypeError('The data source is not initialized: await its initialize(), or initDatabase()');
    return this.#database;
  }

  /** The handle on the client below. @throws TypeError before `initialize` */
  get db(): Db {
    return this.database.getDb({ clientName: this.#source.clientName });
  }

  /** Connects, once; a second call waits for the first. */
  override initialize(): Promise<this> {
    this.#initializing ??= this.#initialize();
    return this.#initializing;
  }

  /** Disconnects; afterwards it may be initialized again. */
  override destroy(): Promise<void> {
    this.#destroying ??= this.#destroy();
    return this.#destroying;
  }

  /** Runs `body` in an ambient transaction, of which subscribers are told. */
  async inTransaction<Result>(body: () => Promise<Result>, options: TransactionOptions = {}): Promise<Result> {
    const db = this.#joining?.db ?? this.database.current;
    const begun = async (): Promise<Result> => {
      await this.#events?.begun();
      return await body();
    };
    // What is no function is for the transaction to refuse.
    return await db.transaction.begin(
      typeof body === 'function' ? begun : body,
      db.inTransaction ? options : this.#withIsolation(options),
    );
  }

  get #isolation(): TransactionOptions['isolationLevel'] {
    return (this.options as { readonly isolationLevel?: TransactionOptions['isolationLevel'] }).isolationLevel;
  }

  /** The data source's isolation level is that of transactions which begin through it. */
  #withIsolation(options: TransactionOptions): TransactionOptions {
    const isolationLevel = this.#isolation;
    if (isolationLevel === undefined || typeof options !== 'object' || options === null) return options;
    if (options.isolationLevel !== undefined) return options;
    // A copy that leaves the options of a prototype where they are.
    return Object.create(options, {
      isolationLevel: { value: isolationLevel, enumerable: true },
    }) as TransactionOptions;
  }

  override createQueryRunner(mode: 'master' | 'slave' = 'master'): QueryRunner {
    const joining = this.#joining;
    if (joining === undefined) return super.createQueryRunner(mode);
    this.#makeRunner ??= followingRunners(this.driver);
    const { runner, followed } = this.#makeRunner(mode, joining, this.#runnerUse);
    Object.assign(runner, { manager: this.createEntityManager(runner) });
    this.#followed.set(runner, followed);
    this.#events?.quieten(runner, () => followed.belongs);
    return runner;
  }

  override runMigrations(options?: Parameters<DataSource['runMigrations']>[0]): Promise<Migration[]> {
    return this.#migrate(() => super.runMigrations(options));
  }

  override undoLastMigration(options?: Parameters<DataSource['undoLastMigration']>[0]): Promise<void> {
    return this.#migrate(() => super.undoLastMigration(options));
  }

  /** What is begun for migrations, all of them or each, is undone alone. */
  #migrate<Result>(run: () => Result): Result {
    return this.#usingRunnerFor('migrations', run);
  }

  /** TypeORM makes the runner for it at once. */
  #usingRunnerFor<Result>(use: RunnerUse, run: () => Result): Result {
    const before = this.#runnerUse;
    this.#runnerUse = use;
    try {
      return run();
    } finally {
      this.#runnerUse = before;
    }
  }

  /**
   * Makes an entity manager that follows the ambient transaction.
   * @param adopted a manager that becomes one of this data source
   */
  override createEntityManager(queryRunner?: QueryRunner, adopted?: EntityManager): EntityManager {
    // The first one is made during the construction, when nothing of this class is there yet.
    const transactions: Transactions = {
      explicit: (entry) => this.#explicit(entry, queryRunner),
      implicit: (entry) => this.#implicit(entry, queryRunner),
      isAmbient: () => this.#joining?.db.inTransaction === true,
    };
    return new AmbientEntityManager(this, queryRunner, transactions, adopted);
  }

  #explicit<Result>(entry: () => Promise<Result>, queryRunner: QueryRunner | undefined): Promise<Result> {
    if (queryRunner === undefined) return this.#ownOf().run(() => this.#usingRunnerFor('entry', entry));
    const followed = this.#followed.get(queryRunner);
    // Within what was begun by hand it is a savepoint on the same connection.
    if (followed?.isByHand === true) return entry();
    if (followed?.isApart === true) {
      if (queryRunner.isTransactionActive) return entry();
      // Before TypeORM counts what it could not begin.
      return Promise.reject(beginsElsewhere('TypeORM', placeOn(this.database, this.#source.clientName)));
    }
    return (followed?.own ?? this.#ownOf()).run(entry);
  }

  #implicit<Result>(entry: () => Promise<Result>, queryRunner: QueryRunner | undefined): Promise<Result> {
    // It ends before anybody could join it.
    if (queryRunner !== undefined && this.#followed.get(queryRunner)?.isApart === true) return entry();
    return this.#isolation === undefined ? this.#ownOf().run(entry) : this.inTransaction(entry);
  }

  #ownOf(): OwnTransactions {
    // The database may be another one after it was initialized again.
    return (this.#ownOfDatabase ??= ownTransactions(this.database, this.#source.clientName, 'TypeORM'));
  }

  #settingsFor(database: Database): RunnerSettings {
    const { clientName } = this.#source;
    return {
      database,
      client: clientOf(database, clientName),
      db: database.getDb({ clientName }),
      clientName,
      takeConnection: connectionsOf(this.#poolOf(database)),
      connections: new Shares(),
      own: () => this.#ownOf(),
      onConnect: () => this.#events?.begun() ?? Promise.resolve(),
    };
  }

  #poolOf(database: Database): LibraryPool {
    const { parseInt8, bigNumberStrings = true } = this.options as ReadingOptions;
    const pool = libraryPool(database, this.#source.clientName, { bigNumberStrings }) as LibraryPool;
    if (parseInt8 === true && 'connect' in pool) pool.on('acquire', parseBigints);
    return pool;
  }

  async #initialize(): Promise<this> {
    try {
      this.#database = await this.#source.open();
      this.#joining = this.#settingsFor(this.#database);
      await releasingOnFailure(this.driver, () => super.initialize());
      this.#destroying = undefined;
      return this;
    } catch (error) {
      await this.#closeDatabase();
      this.#initializing = undefined;
      throw errorOfSluice(error);
    }
  }

  async #destroy(): Promise<void> {
    try {
      await super.destroy();
      await this.#closeDatabase();
      this.#initializing = undefined;
    } catch (error) {
      // It can be tried again.
      this.#destroying = undefined;
      throw error;
    }
  }

  async #closeDatabase(): Promise<void> {
    const database = this.#database;
    this.#database = this.#joining = undefined;
    this.#ownOfDatabase = undefined;
    if (database !== undefined) await this.#source.close(database, {});
  }
}

/** TypeORM keeps the connections of runners that it has made to connect, where what they ask for fails. */
async function releasingOnFailure(driver: DataSource['driver'], connect: () => Promise<unknown>): Promise<void> {
  const runners: QueryRunner[] = [];
  const create = driver.createQueryRunner.bind(driver);
  driver.createQueryRunner = (mode) => {
    const runner = create(mode);
    runners.push(runner);
    return runner;
  };
  try {
    await connect();
  } catch (error) {
    await Promise.allSettled(runners.map((runner) => runner.release()));
    throw error;
  } finally {
    Reflect.deleteProperty(driver, 'createQueryRunner');
  }
}

/** A pool of `pg` or of mysql2. */
type LibraryPool =
  | { connect(): Promise<PooledConnection>; on(event: 'acquire', listener: (client: WithParsers) => void): unknown }
  | { getConnection(callback: (error: Error | null, connection: PooledConnection) => void): void };

/** How values are read, and what TypeORM's own defaults are. */
interface ReadingOptions {
  readonly parseInt8?: boolean | undefined;
  readonly bigNumberStrings?: boolean | undefined;
}

interface WithParsers {
  getTypeParser(oid: number): unknown;
  setTypeParser(oid: number, parser: unknown): void;
}

/** TypeORM 0.3.28 takes a driver that it is given for mysql, which leaves JSON as text, unless this says which one it is. */
const packageOfMysql = { connectorPackage: 'mysql2' };

/** Where TypeORM looks whether pg has `parseInt8`, which would be one for all pools of the process. */
const defaults = { set parseInt8(_: boolean) {} };

/** int8 and its array are read as int4 and that of it, as pg does for `parseInt8`. */
function parseBigints(client: WithParsers): void {
  client.setTypeParser(20, client.getTypeParser(23));
  client.setTypeParser(1016, client.getTypeParser(1007));
}

function connectionsOf(pool: LibraryPool): RunnerSettings['takeConnection'] {
  if ('connect' in pool) return () => pool.connect();
  return () =>
    new Promise((resolve, reject) => {
      pool.getConnection((error, connection) => (error === null ? resolve(connection) : reject(error)));
    });
}

/** One for all copies of the package, so that none is warned of twice. */
const strangers = sharedByCopies('typeorm-strangers', () => ({ areWatched: false, warned: new Set<string>() }));

/** A data source that Sluice does not know does not join: its use inside of a transaction is warned of, once. */
function warnOfStrangers(): void {
  if (strangers.areWatched) return;
  strangers.areWatched = true;
  const { prototype } = DataSource;
  const createQueryRunner = Reflect.get(prototype, 'createQueryRunner');
  prototype.createQueryRunner = function createRunner(this: DataSource, mode) {
    const name = String(this.options.database ?? this.options.type);
    if (!(this instanceof AmbientDataSource) && isInAnyTransaction() && !strangers.warned.has(name)) {
      strangers.warned.add(name);
      emitWarning(
        'SLUICE_FOREIGN_DATA_SOURCE',
        `A DataSource of TypeORM ("${name}") that was not made by createDataSource was used inside of a transaction of Sluice: what it does is not part of that transaction`,
      );
    }
    return createQueryRunner.call(this, mode);
  };
}
