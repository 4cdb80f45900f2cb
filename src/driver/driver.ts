import type { DatabaseAddress } from '../channels/index.ts';
import type { ErrorPlace } from '../core/index.ts';
import type { EngineDialect } from './dialect/engine-dialect.ts';
import type { Failure } from './failure.ts';
import type { ConcreteIsolation, IsolationLevel } from './isolation.ts';
import type { QueryResult, Statement, StatementKind } from './statement.ts';

/** How a transaction begins. */
export interface TransactionCharacteristics {
  /** `undefined`: whatever the server gives by default. */
  readonly isolation: ConcreteIsolation | undefined;
  /** Whether the engine refuses writes in it. */
  readonly readOnly: boolean;
}

/** One command of an exchange. */
export type Step = BeginStep | SavepointStep | EndStep | StatementStep;

/** Begins a transaction; sent while none is open. */
export interface BeginStep {
  /** The command. */
  readonly type: 'begin';
  /** The isolation level, and whether it may write. */
  readonly characteristics: TransactionCharacteristics;
}

/** Sets a savepoint, forgets it and keeps what came after it, or undoes what came after it and keeps the savepoint. */
export interface SavepointStep {
  /** The command. */
  readonly type: 'savepoint' | 'release' | 'rollbackTo';
  /** Of lower-case letters, digits and underscores, and beginning with a letter: it needs no quotes. */
  readonly name: string;
}

/** Ends a transaction. */
export interface EndStep {
  /** The command. */
  readonly type: 'commit' | 'rollback';
}

/** Runs a statement, in the transaction that is open or by itself. */
export interface StatementStep {
  /** The command. */
  readonly type: 'statement';
  /** What is run. */
  readonly statement: Statement;
}

/**
 * What the server says of the connection's transaction.
 * `idle`: none. `active`: open and sound. `failed`: open, and only a rollback is accepted. `lost`: the connection is dead.
 */
export type ConnectionStatus = 'idle' | 'active' | 'failed' | 'lost';

/** What came of an exchange; a value, never an exception. */
export interface Exchange {
  /** How many steps succeeded; the next one failed and those after it were not run. */
  readonly completed: number;
  /** The results of the statements that succeeded, in their order. */
  readonly results: readonly QueryResult[];
  /** Why the step after the completed ones failed; `undefined` where all succeeded. */
  readonly failure: Failure | undefined;
  /** How the server said that the transaction ended, if a step of this exchange ended it. */
  readonly ended: 'committed' | 'rolledBack' | undefined;
}

/** The server's side of a connection: what names it among all others. */
export interface Backend {
  /** The process or connection id of the server. */
  readonly id: number;
  /** When the server opened it, in the server's own words; `undefined` where it cannot be known. */
  readonly startedAt: string | undefined;
}

/** A backend that another one waits for, directly or through others. */
export interface Blocker {
  /** The backend that holds what is waited for. */
  readonly backend: Backend;
  /** Whether it has a transaction open in which nothing runs just now. */
  readonly idle: boolean;
}

/** What a backend waits for. */
export interface BlockedBy {
  /** The backends that it waits for; empty where it waits for none. */
  readonly blockers: readonly Blocker[];
  /** The table that the wait is about, where it can be told. */
  readonly relation: string | undefined;
}

/** A backend that waits for a lock. */
export interface LockWait extends BlockedBy {
  /** Who waits. */
  readonly waiting: Backend;
}

/** A side connection that looks at the locks of the server. */
export interface LockProbe {
  /**
   * Who blocks `backend`. An engine whose locks do not tell names those of `suspects`, the backends that wait for
   * it, which hold what it needs. Rejects when the connection is lost.
   */
  blockersOf(backend: Backend, suspects: readonly Backend[]): Promise<BlockedBy>;
  /** All that wait for a lock now, for those who look on. An engine without it cannot tell. */
  waits?(): Promise<readonly LockWait[]>;
  /** Ends the side connection. */
  close(): Promise<void>;
}

/** A physical connection. It carries out one exchange at a time. */
export interface DriverConnection {
  /** Names the connection among all of its server. */
  readonly backend: Backend;
  /** The state of its transaction, as of the last exchange. */
  readonly status: ConnectionStatus;
  /** What must not be used again after what the server answered: this connection, or all that are open to its server now. */
  readonly unfit?: 'connection' | 'server' | undefined;
  /**
   * Carries out the steps in order, in one round trip where the protocol allows, and stops at the first that fails.
   * @throws what the conversion of a value throws, before anything was sent
   */
  run(steps: readonly Step[]): Promise<Exchange>;
  /**
   * Sends statements behind an exchange that is under way, in its transaction and before it was answered: pipelining. The
   * `run` of the same statements, in this order, takes the answer, which is what they would have come to one after the other:
   * what the server has not run for a failure before it, `run` sends anew. A `run` of anything else forgets them, and waits
   * until the server has ended with them; it comes only for a transaction that is rolled back.
   * @returns whether they are on their way; `false` where they have to wait for their turn
   */
  sendAhead?(statements: readonly Statement[]): boolean;
  /**
   * Sends statements that know nothing of each other in one write, each by itself and outside of a transaction: what becomes of one
   * does not touch the others. Each is answered as `run` would, as soon as the server has answered it.
   * @returns nothing where each has to be sent by itself
   */
  runEach?(statements: readonly Statement[]): readonly Promise<Exchange>[] | undefined;
  /**
   * Runs COMMIT, and takes the first exchange of another transaction before that is answered: what is run next is sent behind it,
   * in the same write where it comes in the same turn of the event loop. `cancel` is for that one from here on.
   * @returns nothing where the connection has to be given back first
   */
  handOver?(commit: readonly Step[]): Promise<Exchange> | undefined;
  /**
   * Asks the server to cancel what is running and resolves once the request can no longer hit a
   * later statement, which then still needs one more exchange to be sure of.
   */
  cancel(): Promise<void>;
  /**
   * Calls back, perhaps at once, when what is under way has to wait for a lock; only an engine that waits in this
   * process can tell.
   */
  onBlocked?(callback: () => void): void;
  /** Whether the server has the text prepared for this connection already. Without it that is not told. */
  isPrepared?(text: string): boolean;
  /** Calls back once when the connection dies without `close` or `destroy` having been called. */
  onDeath(callback: (error: unknown) => void): void;
  /** Says goodbye to the server; resolves when the connection is gone on both sides. */
  close(): Promise<void>;
  /** Cuts the connection; resolves when it is gone on this side. */
  destroy(): Promise<void>;
}

/** What a connection attempt came to: only a refusal for want of room is worth another attempt at once. */
export interface ConnectFailure {
  /** What the program is told: the driver's own error, or a `ConnectError` with it as its cause. */
  readonly error: unknown;
  /** Whether another attempt may soon succeed. */
  readonly transient: boolean;
  /** What the server has said, where that holds no secret: it stands in the message. */
  readonly says?: string | undefined;
  /** What to do about it, where that is known; an imperative sentence without its full stop. */
  readonly remedy?: string | undefined;
}

/** How a pool for a library differs from others of its client. */
export interface LibraryPoolOptions {
  /** Of the values of its results; default: those of the client. */
  readonly types?: object | undefined;
  /** MySQL: whether every `bigint` of its results is a text, and not only those that no number holds. Default false. */
  readonly bigNumberStrings?: boolean | undefined;
}

/** Settings that a server keeps until the end of a transaction. */
export interface DriverSettings {
  /** What is wrong with the name of a setting: what it has to be. It sends nothing. */
  checkName(name: string): string | undefined;
  /**
   * A statement that sets values by name in the transaction that is open, until its end.
   * @param cleared names of what was set there before, and is to be no longer
   */
  apply(values: ReadonlyMap<string, string>, cleared: readonly string[]): Statement;
}

/** That by which one transaction is found again. */
export interface TransactionMark {
  /** Travels with the first statements of the transaction that may write. */
  readonly statement: Statement;
  /** It writes something, ahead of them, which a rollback to an earlier savepoint undoes. Otherwise it asks behind them. */
  readonly isRow: boolean;
  /** What names the transaction before there is an answer, so that it is found where that is lost. */
  readonly name?: string | undefined;
  /** What names the transaction, from the answer; nothing where it is not to be found yet, so that it is marked again. */
  nameIn(result: QueryResult): string | undefined;
  /** The error for the server's refusal. Default: the server's own. */
  refused?(cause: unknown, at: ErrorPlace): unknown;
}

/** Finds out how a transaction has ended whose connection was lost during its COMMIT. */
export interface CommitResolution {
  /** Whether a text on a connection is to have a mark with it. @param isLast its COMMIT travels with it */
  marks(connection: DriverConnection, text: string, isLast: boolean): boolean;
  /** Whether statements outside of a transaction are made one of their own, with a mark. */
  readonly marksAlone?: boolean | undefined;
  /**
   * A mark for the transaction on a connection; nothing where it could not be found by one.
   * @param isLast its COMMIT travels with the mark
   */
  mark(connection: DriverConnection, isLast: boolean): TransactionMark | undefined;
  /**
   * How the transaction with a mark has ended on a connection that is lost; waits while it has not. Gives up when the signal
   * aborts.
   * @returns nothing where that cannot be known for sure
   * @throws CommitTableError where it may not be asked
   */
  resolve(
    mark: string,
    connection: DriverConnection,
    signal: AbortSignal,
  ): Promise<'committed' | 'rolledBack' | undefined>;
}

/**
 * The port: all that Sluice needs of a database engine. Stateless but for caches; connections
 * are opened through it and owned by the pool.
 */
export interface Driver extends EngineDialect {
  /** The server's address and database in words, without user and password. */
  readonly target: string;
  /** The same for telemetry. Without it the name of the dialect is all that is known. */
  readonly address?: DatabaseAddress | undefined;
  /** Opens a connection; gives up when the signal aborts. */
  connect(signal: AbortSignal): Promise<DriverConnection>;
  /** Says what a rejection of `connect` means. */
  classifyConnect(error: unknown): ConnectFailure;
  /**
   * The level that is requested from the server for `wanted`; `undefined` leaves it to the server.
   * @throws UnsupportedIsolationError if the engine gives nothing as strong
   */
  isolation(wanted: IsolationLevel): ConcreteIsolation | undefined;
  /** Whether a transaction at `running` (`undefined`: the server's default) gives all that `wanted` promises. */
  fulfils(running: ConcreteIsolation | undefined, wanted: IsolationLevel): boolean;
  /** What a server of its kind gives by default, as long as none has told: a transaction asks for it where it matters. */
  usualIsolation?(): ConcreteIsolation | undefined;
  /** Classifies a statement by its text alone. It sends nothing. */
  inspect(text: string): StatementKind;
  /** Quotes a name for use in SQL text. @throws InvalidOptionError for one that is too long */
  quoteName(name: string): string;
  /**
   * A statement that fails if its transaction began longer than so many milliseconds ago, by the clock of the server. An
   * engine has it if it does not carry out a COMMIT that stands behind it in the same exchange then.
   */
  refusalAfter?(milliseconds: number): Statement;
  /** How a COMMIT without an answer is resolved; an engine without it leaves the outcome unknown. */
  readonly commits?: CommitResolution | undefined;
  /** Whether quick reads outside of transactions are sent together, by `runEach`. */
  readonly sharesReads?: boolean | undefined;
  /** How settings by context are set; an engine without it has none. */
  readonly settings?: DriverSettings | undefined;
  /**
   * A pool as the engine's usual client package has one, for libraries that take such: in a transaction of
   * `database` it gives that transaction's connection.
   */
  libraryPool?(database: object, clientName: string, options: LibraryPoolOptions): object;
  /** Opens a side connection for looking at locks; an engine without it cannot report who blocks whom. */
  openLockProbe?(signal: AbortSignal): Promise<LockProbe>;
}
