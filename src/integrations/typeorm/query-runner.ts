import type { QueryRunner } from 'typeorm';
import { shareOfTransaction } from '../../ambient/index.ts';
import type { Database, Db } from '../../index.ts';

export interface RunnerSettings {
  readonly database: Database;
  readonly db: Db;
  readonly clientName: string | undefined;
  /** Takes a connection of the pool, as TypeORM's driver does. */
  readonly takeConnection: () => Promise<PooledConnection>;
  /** The connection of each transaction for statements. */
  readonly connections: WeakMap<object, Promise<PooledConnection>>;
  /** Is awaited before the first statement. */
  readonly onConnect: () => Promise<void>;
}

export interface PooledConnection {
  release(): void;
}

/** A runner as TypeORM makes it. It keeps its connection until it is released. */
interface OwnRunner extends QueryRunner {
  readonly databaseConnection?: object;
  connect(): Promise<object>;
}

/**
 * Lets a query runner follow the ambient transaction, wherever it was made: a statement in one goes over the client that all
 * statements of that transaction share, and what the runner begins in it has a client of its own until it ends. Outside
 * the runner takes a connection, as TypeORM has it, and stays on that until it is released.
 * @returns whether what the runner does here belongs to an ambient transaction
 */
export function followTransactions(runner: QueryRunner, settings: RunnerSettings): () => boolean {
  const following = new Following(runner, settings);
  return () => following.belongs;
}

class Following {
  readonly #runner: OwnRunner;
  readonly #settings: RunnerSettings;
  readonly #connectByItself: () => Promise<object>;
  /** What it has begun in an ambient transaction. */
  #begun: { connection?: Promise<PooledConnection> } | undefined;
  /** As TypeORM has it. */
  #isActive = false;

  constructor(runner: OwnRunner, settings: RunnerSettings) {
    this.#runner = runner;
    this.#settings = settings;
    this.#connectByItself = runner.connect.bind(runner);
    const start = runner.startTransaction.bind(runner);
    const release = runner.release.bind(runner);
    Object.assign(runner, {
      connect: () => this.#connect(),
      startTransaction: (...args: Parameters<typeof start>) => this.#start(() => start(...args)),
      commitTransaction: this.#ending(runner.commitTransaction.bind(runner)),
      rollbackTransaction: this.#ending(runner.rollbackTransaction.bind(runner)),
      release: () => release().then(() => this.#letGo()),
    });
    // Pessimistic locks ask for it, and writing entities needs no transaction of its own in one.
    Object.defineProperty(runner, 'isTransactionActive', {
      get: () => this.#isActive || this.#isFree,
      set: (active: boolean) => void (this.#isActive = active),
      enumerable: true,
      configurable: true,
    });
  }

  get belongs(): boolean {
    return this.#begun !== undefined || this.#isFree;
  }

  /** There is an ambient transaction, and no connection from outside of it. */
  get #isFree(): boolean {
    return this.#runner.databaseConnection === undefined && this.#settings.db.inTransaction;
  }

  async #connect(): Promise<object> {
    const { database, db, clientName, takeConnection, connections, onConnect } = this.#settings;
    if (this.#begun !== undefined) return await (this.#begun.connection ??= takeConnection());
    const { databaseConnection } = this.#runner;
    if (databaseConnection !== undefined) return databaseConnection;
    // What comes after the end of its scope is refused by the pool.
    if (!db.inTransaction) return await this.#takeOwn();
    await onConnect();
    const share = shareOfTransaction(connections, { database, clientName, standsFor: false }, takeConnection);
    return await (share ?? this.#takeOwn());
  }

  async #takeOwn(): Promise<object> {
    try {
      return await this.#connectByItself();
    } catch (error) {
      // TypeORM would keep the failure for its next statements.
      Object.assign(this.#runner, { databaseConnectionPromise: undefined });
      throw error;
    }
  }

  async #start(start: () => Promise<void>): Promise<void> {
    if (this.#begun !== undefined || !this.#isFree) return await start();
    await this.#settings.onConnect();
    this.#begun = {};
    try {
      await start();
    } catch (error) {
      // TypeORM takes it for begun even so.
      this.#isActive = false;
      await this.#letGo();
      throw error;
    }
  }

  #ending(end: () => Promise<void>): () => Promise<void> {
    return async () => {
      await end();
      if (!this.#isActive) await this.#letGo();
    };
  }

  async #letGo(): Promise<void> {
    const taken = this.#begun?.connection;
    this.#begun = undefined;
    (await taken?.catch(() => undefined))?.release();
  }
}
