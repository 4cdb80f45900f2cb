import type { QueryRunner } from 'typeorm';
import { type InOwnTransaction, shareOfTransaction, wholeTransaction } from '../../ambient/index.ts';
import type { Database, Db } from '../../index.ts';

export interface RunnerSettings {
  readonly database: Database;
  readonly db: Db;
  readonly clientName: string | undefined;
  /** Takes a connection of the pool, as TypeORM's driver does. */
  readonly takeConnection: () => Promise<PooledConnection>;
  /** The connection of each transaction for statements. */
  readonly connections: WeakMap<object, Promise<PooledConnection>>;
  readonly own: () => InOwnTransaction;
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

type Query = (text: unknown, ...rest: unknown[]) => Promise<unknown>;

const comments = String.raw`^(?:\s|--[^\n]*\n|/\*[^]*?\*/)*`;
const beginsByText = new RegExp(String.raw`${comments}(?:begin|start\s+transaction)\b`, 'i');
const endsByText = new RegExp(String.raw`${comments}(?:commit|end|rollback|abort)\b(?!.*\bto\b)`, 'i');

/**
 * Lets a query runner follow the ambient transaction, wherever it was made: a statement in one goes over the client that all
 * statements of that transaction share, and what the runner begins in it has a client of its own until it ends. Outside
 * the runner takes a connection, as TypeORM has it, and stays on that until it is released.
 */
export function followTransactions(runner: QueryRunner, settings: RunnerSettings, use: RunnerUse): Followed {
  return new Following(runner, settings, use);
}

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
  readonly own: InOwnTransaction | undefined;
}

interface Begun {
  readonly byText: boolean;
  /** For what its manager opens, in the transaction that was begun last. */
  readonly handles: InOwnTransaction[];
  connection?: Promise<PooledConnection>;
}

class Following implements Followed {
  readonly #runner: OwnRunner;
  readonly #settings: RunnerSettings;
  readonly #use: RunnerUse;
  readonly #connectByItself: () => Promise<object>;
  /** What it has begun in an ambient transaction, by a text of the program or by TypeORM. */
  #begun: Begun | undefined;
  /** As TypeORM has it. */
  #isActive = false;
  #isEnding = false;
  /** The ambient transactions in which it has begun one that it has ended since. */
  readonly #endedIn = new WeakSet<object>();

  constructor(runner: OwnRunner, settings: RunnerSettings, use: RunnerUse) {
    this.#runner = runner;
    this.#use = use;
    this.#settings = settings;
    this.#connectByItself = runner.connect.bind(runner);
    const start = runner.startTransaction.bind(runner);
    const release = runner.release.bind(runner);
    const query = runner.query.bind(runner) as Query;
    Object.assign(runner, {
      connect: () => this.#connect(),
      query: (...args: Parameters<Query>) => this.#query(args[0], () => query(...args)),
      startTransaction: (...args: Parameters<typeof start>) => this.#start(() => start(...args)),
      commitTransaction: this.#ending(runner.commitTransaction.bind(runner)),
      rollbackTransaction: this.#ending(runner.rollbackTransaction.bind(runner)),
      release: () => release().then(() => this.#letGo()),
    });
    this.#disposesOfItsOwn();
    // Pessimistic locks ask for it, and writing entities needs no transaction of its own in one. A program that ends its own
    // asks for it too, so as not to end it twice.
    Object.defineProperty(runner, 'isTransactionActive', {
      get: () => this.#isActive || this.#joins,
      set: (active: boolean) => void (this.#isActive = active),
      enumerable: true,
      configurable: true,
    });
  }

  /** `await using` commits what the runner has begun, which the ambient transaction is not. */
  #disposesOfItsOwn(): void {
    // TypeORM 0.3 has none.
    const dispose = this.#runner[Symbol.asyncDispose] as (() => Promise<void>) | undefined;
    if (dispose === undefined) return;
    Object.assign(this.#runner, {
      [Symbol.asyncDispose]: () => this.#endOwn(() => dispose.call(this.#runner)),
    });
  }

  get isByHand(): boolean {
    return this.#use !== 'entry' && this.#begun !== undefined;
  }

  get own(): InOwnTransaction | undefined {
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
    return here !== undefined && !this.#endedIn.has(here);
  }

  get #ambient(): object | undefined {
    return wholeTransaction(this.#settings.database, this.#settings.clientName);
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
    if (this.#begun !== undefined) return await this.#startWithin(this.#begun, start);
    if (!this.#isFree) return await start();
    await this.#settings.onConnect();
    this.#begun = { byText: false, handles: [this.#settings.own().ofHandle()] };
    try {
      await start();
    } catch (error) {
      // TypeORM takes it for begun even so.
      this.#isActive = false;
      await this.#letGo();
      throw error;
    }
  }

  /** What a text begins is the runner's alone too: others go on beside it, on what they share. */
  async #query(text: unknown, query: () => Promise<unknown>): Promise<unknown> {
    if (this.#begun?.byText === true && endsByText.test(String(text))) {
      try {
        return await query();
      } finally {
        await this.#letGo();
      }
    }
    if (this.#begun !== undefined || !this.#isFree || !beginsByText.test(String(text))) return await query();
    this.#begun = { byText: true, handles: [this.#settings.own().ofHandle()] };
    try {
      return await query();
    } catch (error) {
      await this.#letGo();
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

  #ending(end: () => Promise<void>): () => Promise<void> {
    return async () => {
      await this.#endOwn(end);
      if (this.#isActive) return void this.#begun?.handles.pop();
      const here = this.#begun === undefined ? undefined : this.#ambient;
      if (here !== undefined) this.#endedIn.add(here);
      await this.#letGo();
    };
  }

  /** TypeORM looks first whether there is one to end, which the ambient one is not. */
  #endOwn(end: () => Promise<void>): Promise<void> {
    this.#isEnding = true;
    try {
      return end();
    } finally {
      this.#isEnding = false;
    }
  }

  async #letGo(): Promise<void> {
    const taken = this.#begun?.connection;
    this.#begun = undefined;
    (await taken?.catch(() => undefined))?.release();
  }
}
