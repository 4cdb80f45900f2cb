import type { ClientDefinition } from '../../../src/driver/index.ts';
import type { PoolOptions } from '../../../src/index.ts';

/** What not every engine can do, or not every engine's tests can see. */
export type Ability =
  /** Several transactions write at the same time, so also one inside of another. */
  | 'several writers'
  /** Rows are locked, and not the whole database. */
  | 'row locks'
  /** A statement that fails dooms its transaction or savepoint. */
  | 'failures doom'
  /** A statement can wait on the server, and be cancelled there. */
  | 'slow statements'
  /** There is a server whose connections can be counted and killed. */
  | 'sessions'
  /** COMMIT can fail because of a constraint that waited for it. */
  | 'deferred constraints'
  /** A COMMIT can be made to take long. */
  | 'slow commits'
  /** The server can be told to raise an error of a kind. */
  | 'raised errors'
  /** Two transactions that wait for each other's rows are told so by the server. */
  | 'deadlocks'
  /** A transaction runs at the isolation that was asked for, and at no stronger one. */
  | 'weaker isolation'
  /** A rollback undoes the making of tables. */
  | 'tables in transactions'
  /** The program gives parsers for the values of its results. */
  | 'type parsers'
  /** The tests have a proxy that understands the protocol. */
  | 'wire proxy'
  /** Clients name themselves to the server. */
  | 'application names';

/** An engine that the behaviour suite runs on. */
export interface Engine {
  readonly name: 'postgres' | 'mariadb' | 'sqlite';
  /** Why tests that need an ability are left out. */
  readonly lacks: Partial<Record<Ability, string>>;
  /** What the errors of the engine have in common. */
  readonly errors: {
    readonly duplicate: object;
    readonly foreignKey: object;
    readonly serialization: object;
    readonly readOnly: object;
    readonly refused: object;
    readonly unknownDatabase: object;
    readonly killed: object;
  };
  readonly sql: {
    /** A statement that takes so many seconds. */
    sleep(seconds: number): string;
    /** Gives isolation and read_only of the transaction. */
    readonly showTransaction: string;
    /** Locks what it reads. */
    readonly lockProducts: string;
    /** A primary key that the engine gives. */
    readonly generatedId: string;
    /** The time two days ago, as the inbox keeps it. */
    readonly twoDaysAgo: string;
    /** A statement that always fails. */
    readonly failing: string;
  };
  /** What `showTransaction` says at each level that is asked for. */
  readonly levels: Readonly<Record<string, string>>;
  readonly defaultReadOnly: unknown;
  /** How long what it tells may be out of date, in milliseconds. */
  readonly outOfDate: number;
  /** @param at the URL of its server: the one of the tests where nothing is said */
  server(at?: string): TestServer;
}

/** A database of a test file's own. */
export interface TestServer {
  /** Makes it, with the table `product`. */
  start(): Promise<void>;
  /** Runs SQL beside Sluice. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** A client of Sluice on it. */
  client(options?: ClientOptions): ClientDefinition;
  /** Where it is, without secrets; a connection string where the engine has them. */
  readonly url: string;
  /** How many connections of Sluice run this text. */
  running(text: string): Promise<number>;
  /** How many connections Sluice has, or those of the clients with a name. */
  connections(applicationName?: string): Promise<number>;
  /** Kills the connections of Sluice. */
  kill(): Promise<void>;
  /** Makes a user who gets so many connections at once. */
  limitedUser(connections: number): Promise<LimitedUser>;
  empty(): Promise<void>;
  drop(): Promise<void>;
}

/** A user of the server of whom it accepts few connections. */
export interface LimitedUser {
  readonly url: string;
  /** What the server says to one more. */
  readonly refusal: object;
  /** Lets no new connection in, and leaves those that are open. */
  lock(): Promise<void>;
  /** After its connections have ended. */
  drop(): Promise<void>;
}

export interface ClientOptions extends PoolOptions {
  /** Another place than that of the test's own database. */
  readonly connectionString?: string | undefined;
  readonly applicationName?: string | undefined;
  readonly options?: string | undefined;
  readonly types?: object | undefined;
  /** Not SQLite. */
  readonly pipelining?: boolean | undefined;
  /** Not SQLite. */
  readonly maxResultBytes?: number | undefined;
  /** PostgreSQL. */
  readonly shareReads?: boolean | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly database?: string | undefined;
  readonly password?: string | undefined;
}
