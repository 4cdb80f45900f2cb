import type { DataSource, QueryRunner, ReplicationMode } from 'typeorm';
import {
  asBound,
  type clientOf,
  type OwnTransactions,
  shareOfTransaction,
  type Shares,
  wholeTransaction,
} from '../../library/index.ts';
import type { Database, Db } from '../../index.ts';

export interface RunnerSettings {
  readonly database: Database;
  readonly client: ReturnType<typeof clientOf>;
  readonly db: Db;
  readonly clientName: string | undefined;
  /** Takes a connection of the pool, as TypeORM's driver does. */
  readonly takeConnection: () => Promise<PooledConnection>;
  /** The connection of each transaction for statements. */
  readonly connections: Shares<Promise<PooledConnection>>;
  readonly own: () => OwnTransactions;
  /** Is awaited before the first statement. */
  readonly onConnect: () => Promise<void>;
}

export interface PooledConnection {
  release(): void;
}

type Driver = DataSource['driver'];

/** A runner as TypeORM makes it. It keeps its connection until it is released. */
declare class OwnRunner {
  readonly databaseConnection?: object;
  constructor(driver: Driver, mode: ReplicationMode);
  connect(): Promise<object>;
  query(text: unknown, ...rest: unknown[]): Promise<unknown>;
  startTransaction(...isolation: unknown[]): Promise<void>;
  commitTransaction(): Promise<void>;
  rollbackTransaction(): Promise<void>;
  release(): Promise<void>;
  /** TypeORM 0.3 has none. */
  [Symbol.asyncDispose](): Promise<void>;
}

const comments = String.raw`^(?:\s|--[^\n]*\n|/\*[^]*?\*/)*`;
const beginsByText = new RegExp(String.raw`${comments}(?:begin|start\s+transaction)\b`, 'i');
const endsByText = new RegExp(String.raw`${comments}(?:commit|end|rollback|abort)\b(?!.*\bto\b)`, 'i');

/** What a runner is made for: by a program, in the scope of an entry that begins with it, or for migrations. */
export type RunnerUse = 'any' | 'entry' | 'migrations';

export interface Followed {
  /** What the runner does here belongs to an ambient transaction. */
  readonly belongs: boolean;
  /** It has a connection from outside of any ambient transaction, and what it does there is its own. */
  readonly isApart: boolean;
  /** A program has begun something with it in an ambient transaction, which has no body that could be a scope. */
  readonly isByHand: boolean;
  /** For entries of its manager, if it has begun something in an ambient transaction. */
  readonly own: OwnTransactions | undefined;
}

interface Begun {
  readonly byText: boolean;
  /** For what its manager opens, in the transaction that was begun last. */
  readonly handles: OwnTransactions[];
  connection?: Promise<PooledConnection>;
}

/** Makes a query runner that follows the ambient transaction, and what follows with it. */
export type MakeRunner = (
  mode: ReplicationMode,
  settings: RunnerSettings,
  use: RunnerUse,
) => { readonly runner: QueryRunner; readonly followed: Followed };

/**
 * Makes query runners that follow the ambient transaction, wherever they were made: a statement in one goes over the client
 * that all statements of that transaction share, and what the runner begins in it has a client of its own until it ends.
 * Outside the runner takes a connection, as TypeORM has it, and stays on that until it is released.
 */
export function followingRunners(driver: Driver): MakeRunner {
  // TypeORM makes a runner for each statement: one class for all costs far less than to change each of them.
  let Runner: ReturnType<typeof followingClass> | undefined;
  return (mode, settings, use) => {
    Runner ??= followingClass(driver.createQueryRunner(mode).constructor as typeof OwnRunner);
    const runner = new Runner(driver, mode);
    return { runner: runner as object as QueryRunner, followed: runner.follow(settings, use) };
  };
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- a class has no other name for its type
function followingClass(Own: typeof OwnRunner) {
  class FollowingRunner extends Own {
    /** None while the constructor of TypeORM runs, which sets what is an accessor here. */
    #following: Following | undefined;

    follow(settings: RunnerSettings, use: RunnerUse): Followed {
      return (this.#following = new Following(this, settings, use));
    }
    get #followed(): Following {
      if (this.#following === undefined) throw new TypeError('a query runner was used before it was made');
      return this.#following;
    }

    // Pessimistic locks ask for it, and writing entities needs no transaction of its own in one. A program that ends its own
    // asks for it too, so as not to end it twice.
    get isTransactionActive(): boolean {
      return this.#followed.isTransactionActive;
    }
    set isTransactionActive(active: boolean) {
      if (#following in this) this.#followed.isActive = active;
    }

    override connect(): Promise<object> {
      return this.#followed.connect(() => super.connect());
    }
    override query(text: unknown, ...rest: unknown[]): Promise<unknown> {
      return this.#followed.query(text, () => super.query(text, ...rest));
    }
    override startTransaction(...isolation: unknown[]): Promise<void> {
      return this.#followed.start(() => super.startTransaction(...isolation));
    }
    override commitTransaction(): Promise<void> {
      return this.#followed.end(() => super.commitTransaction());
    }
    override rollbackTransaction(): Promise<void> {
      return this.#followed.end(() => super.rollbackTransaction());
    }
    override async release(): Promise<void> {
      await super.release();
      await this.#followed.letGo();
    }
    /** `await using` commits what the runner has begun, which the ambient transaction is not. */
    override async [Symbol.asyncDispose](): Promise<void> {
      await this.#followed.endOwn(() => super[Symbol.asyncDispose]());
    }
  }
  if (!(Symbol.asyncDispose in Own.prototype)) Reflect.deleteProperty(FollowingRunner.prototype, Symbol.asyncDispose);
  return FollowingRunner;
}

class Following implements Followed {
  readonly #runner: OwnRunner;
  readonly #settings: RunnerSettings;
  readonly #use: RunnerUse;
  /** What it has begun in an ambient transaction, by a text of the program or by TypeORM. */
  #begun: Begun | undefined;
  /** As TypeORM has it. */
  isActive = false;
  #isEnding = false;
  /** The ambient transactions in which it has begun one that it has ended since. */
  #endedIn: WeakSet<object> | undefined;

  constructor(runner: OwnRunner, settings: RunnerSettings, use: RunnerUse) {
    this.#runner = runner;
    this.#use = use;
    this.#settings = settings;
  }

  get isTransactionActive(): boolean {
    return this.isActive || this.#joins;
  }

  get isByHand(): boolean {
    return this.#use !== 'entry' && this.#begun !== undefined;
  }

  get own(): OwnTransactions | undefined {
    return this.#begun?.handles.at(-1);
  }

  get isApart(): boolean {
    return this.#begun === undefined && this.#runner.databaseConnection !== undefined;
  }

  get belongs(): boolean {
    return this.#begun !== undefined || this.#isFree;
  }

  /** There is an ambient transaction, and no connection from outside of it. */
  get #isFree(): boolean {
    return this.#runner.databaseConnection === undefined && this.#settings.db.inTransaction;
  }

  /** The ambient transaction counts as the one that the runner is in. */
  get #joins(): boolean {
    if (this.#use === 'migrations' || this.#isEnding || !this.#isFree) return false;
    const here = this.#ambient;
    return here !== undefined && this.#endedIn?.has(here) !== true;
  }

  get #ambient(): object | undefined {
    return wholeTransaction(this.#settings.database, this.#settings.clientName);
  }

  async connect(byItself: () => Promise<object>): Promise<object> {
    const { database, db, clientName, takeConnection, connections, onConnect } = this.#settings;
    if (this.#begun !== undefined) return await (this.#begun.connection ??= takeConnection());
    const { databaseConnection } = this.#runner;
    if (databaseConnection !== undefined) return databaseConnection;
    // What comes after the end of its scope is refused by the pool.
    if (!db.inTransaction) return await this.#takeOwn(byItself);
    await onConnect();
    const share = shareOfTransaction(connections, { database, clientName, standsFor: false }, takeConnection);
    return await (share ?? this.#takeOwn(byItself));
  }

  async #takeOwn(connect: () => Promise<object>): Promise<object> {
    try {
      return await connect();
    } catch (error) {
      // TypeORM would keep the failure for its next statements.
      Object.assign(this.#runner, { databaseConnectionPromise: undefined });
      throw error;
    }
  }

  async start(start: () => Promise<void>): Promise<void> {
    if (this.#begun !== undefined) return await this.#startWithin(this.#begun, start);
    if (!this.#isFree) return await start();
    await this.#settings.onConnect();
    this.#begun = { byText: false, handles: [this.#settings.own().ofHandle()] };
    try {
      await start();
    } catch (error) {
      // TypeORM takes it for begun even so.
      this.isActive = false;
      await this.letGo();
      throw error;
    }
  }

  /** A transaction begun by SQL text belongs to the runner alone too: others continue on the shared one. */
  async query(text: unknown, send: () => Promise<unknown>): Promise<unknown> {
    const begins = beginsByText.test(String(text));
    const query = begins ? (): Promise<unknown> => asBound(this.#settings.client, send) : send;
    if (this.#begun?.byText === true && endsByText.test(String(text))) {
      try {
        return await query();
      } finally {
        await this.letGo();
      }
    }
    if (this.#begun !== undefined || !this.#isFree || !begins) return await query();
    this.#begun = { byText: true, handles: [this.#settings.own().ofHandle()] };
    try {
      return await query();
    } catch (error) {
      await this.letGo();
      throw error;
    }
  }

  async #startWithin({ handles }: Begun, start: () => Promise<void>): Promise<void> {
    handles.push(this.#settings.own().ofHandle());
    try {
      await start();
    } catch (error) {
      handles.pop();
      throw error;
    }
  }

  async end(end: () => Promise<void>): Promise<void> {
    await this.endOwn(end);
    if (this.isActive) return void this.#begun?.handles.pop();
    const here = this.#begun === undefined ? undefined : this.#ambient;
    if (here !== undefined) (this.#endedIn ??= new WeakSet()).add(here);
    await this.letGo();
  }

  /** TypeORM looks first whether there is one to end, which the ambient one is not. */
  endOwn(end: () => Promise<void>): Promise<void> {
    this.#isEnding = true;
    try {
      return end();
    } finally {
      this.#isEnding = false;
    }
  }

  async letGo(): Promise<void> {
    const taken = this.#begun?.connection;
    this.#begun = undefined;
    (await taken?.catch(() => undefined))?.release();
  }
}
