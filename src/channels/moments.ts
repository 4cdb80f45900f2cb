import { channel } from 'node:diagnostics_channel';

/** A transaction opened or ended. */
export interface TransactionEvent {
  /** The client that the transaction runs on. */
  readonly clientName: string;
  /** The level at which it holds its connection. */
  readonly level: number;
  /** The name given in the options, or `anonymous`. */
  readonly transaction: string;
}

/** A transaction ended. */
export interface TransactionEndEvent extends TransactionEvent {
  /** `unknown`: the connection was lost during COMMIT. */
  readonly outcome: 'committed' | 'rolledBack' | 'unknown';
  /** Milliseconds from the opening of the scope to the server's answer. */
  readonly duration: number;
}

/** A transaction was rolled back, and is tried again. */
export interface RetryEvent extends TransactionEvent {
  /** The id of the attempt that failed. */
  readonly id: string;
  /** Names the chain that it belongs to. */
  readonly chainId: string;
  /** The number of the attempt that failed; 1 for the first. */
  readonly attempt: number;
  /** Milliseconds until the next one. */
  readonly delay: number;
  /** What it failed with. */
  readonly error: unknown;
}

/** A transaction that holds a connection calls another server or program. */
export interface ForeignWaitEvent extends TransactionEvent {
  /** The id of the transaction. */
  readonly id: string;
  /** Names the chain that it belongs to. */
  readonly chainId: string;
  /** What it calls, without paths and credentials: `GET https://rates.example`, `a new connection to a server`. */
  readonly what: string;
  /** The place in the program that calls (`file:line:column`), where Node.js tells. */
  readonly place: string | undefined;
}

/** A transaction holds a connection, and has sent nothing for longer than `idleWarning`. */
export interface IdleTransactionEvent extends TransactionEvent {
  /** The id of the transaction. */
  readonly id: string;
  /** Names the chain that it belongs to. */
  readonly chainId: string;
  /** Milliseconds since its last statement. */
  readonly idleFor: number;
  /** The place that opened the transaction, where it is known. */
  readonly openedAt: string | undefined;
}

/** A hook threw. The outcome of its transaction is not changed by it. */
export interface HookErrorEvent {
  /** The kind of hook: after the commit, after a rollback, or after either. */
  readonly hook: 'commit' | 'compensate' | 'completion';
  /** The name of the transaction; undefined for a hook that ran outside of one. */
  readonly transaction: string | undefined;
  /** What the hook threw. */
  readonly error: unknown;
}

/** A request for a connection has to wait. */
export interface AcquireWaitEvent {
  /** The client whose pool has no free connection. */
  readonly clientName: string;
  /** The level of the request. */
  readonly level: number;
  /** The number of requests in line, of all levels, this one included. */
  readonly waiting: number;
}

/** A connection is held for longer than `leakThreshold`. */
export interface ConnectionLeakEvent {
  /** The client that the connection belongs to. */
  readonly clientName: string;
  /** The level at which the connection is held. */
  readonly level: number;
  /** The name of the transaction, or what else holds the connection. */
  readonly transaction: string;
  /** Milliseconds since the connection was given out. */
  readonly heldFor: number;
  /** The place in the program that took the connection (`file:line:column`), where it is known. */
  readonly takenAt: string | undefined;
  /** The place that opened the transaction, where it is known. */
  readonly openedAt: string | undefined;
}

/** A physical connection was opened, or is gone. */
export interface ConnectionEvent {
  /** The client that the connection belongs to. */
  readonly clientName: string;
  /** Connections of the client in this process, this one included where it was opened. */
  readonly open: number;
}

/** A connection was given back, to the pool or to be closed. */
export interface ConnectionReleaseEvent {
  /** The client that the connection belongs to. */
  readonly clientName: string;
  /** The level at which it was held. */
  readonly level: number;
  /** Milliseconds since it was given out. */
  readonly heldFor: number;
}

/** The server was asked which transactions block a slow statement. */
export interface LockProbeEvent {
  /** The client whose statement is slow. */
  readonly clientName: string;
  /** How many backends block it, directly or through others. */
  readonly blockers: number;
  /** The id of the transaction or statement that holds the connection. */
  readonly holderId: string;
  /** The server's id of the connection that was asked for. */
  readonly backendId: number;
  /** The server's ids of the connections that block it. */
  readonly blockedBy: readonly number[];
  /** The table that it waits for, where the server tells. */
  readonly relation: string | undefined;
  /** Why the question could not be answered; it is asked again. */
  readonly error?: unknown;
}

/** Something went wrong that no caller waits for. What runs in the background goes on trying. */
export interface BackgroundErrorEvent {
  /** What it was: `outbox relay`, `queue`... */
  readonly source: string;
  /** What was thrown. */
  readonly error: unknown;
}

/** A job was run. */
export interface JobEvent {
  /** The name of the queue. */
  readonly queue: string;
  /** The job's UUID. */
  readonly id: string;
  /** The level at which the job ran. */
  readonly level: number;
  /** The number of the run; 1 for the first. */
  readonly attempt: number;
  /** `retry`: it failed and runs again; `failed`: for good; `released`: it went back to the queue unfinished. */
  readonly outcome: 'completed' | 'failed' | 'retry' | 'released';
  /** Milliseconds. */
  readonly duration: number;
}

/** Queries of a model are not cached for a while, since too few of their answers were asked for again. */
export interface CacheBackoffEvent {
  /** The table of the model. */
  readonly table: string;
  /** Of the queries that it looked at, how many the cache has answered: from 0 to 1. */
  readonly hitRate: number;
  /** How many queries go to the database before it looks again. */
  readonly queries: number;
}

/**
 * The names of the `node:diagnostics_channel` channels for what happens at a moment; publishing without a subscriber costs next to nothing.
 *
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe(channelNames.acquireWait, (event) => console.log('a request waits', event));
 * ```
 */
export const channelNames = {
  /** A transaction begins; with a `TransactionEvent`. */
  transactionStart: 'sluice:transaction:start',
  /** A transaction has ended; with a `TransactionEndEvent`. */
  transactionEnd: 'sluice:transaction:end',
  /** A transaction is tried again; with a `RetryEvent`. */
  transactionRetry: 'sluice:transaction:retry',
  /** A transaction that holds a connection calls another server; with a `ForeignWaitEvent`. */
  foreignWait: 'sluice:transaction:foreign',
  /** A transaction holds a connection and sends nothing; with an `IdleTransactionEvent`. */
  idleTransaction: 'sluice:transaction:idle',
  /** A hook threw; with a `HookErrorEvent`. */
  hookError: 'sluice:hook:error',
  /** A request waits for a connection; with an `AcquireWaitEvent`. */
  acquireWait: 'sluice:pool:wait',
  /** A connection is held for longer than `leakThreshold`; with a `ConnectionLeakEvent`. */
  connectionLeak: 'sluice:pool:leak',
  /** A physical connection was opened; with a `ConnectionEvent`. */
  connectionOpen: 'sluice:connection:open',
  /** A physical connection was closed or lost; with a `ConnectionEvent`. */
  connectionClose: 'sluice:connection:close',
  /** A connection was given back; with a `ConnectionReleaseEvent`. */
  connectionRelease: 'sluice:connection:release',
  /** The server was asked which transactions block a statement; with a `LockProbeEvent`. */
  lockProbe: 'sluice:lock:probe',
  /** Background work failed; with a `BackgroundErrorEvent`. */
  backgroundError: 'sluice:background:error',
  /** A run of a job has ended; with a `JobEvent`. */
  jobEnd: 'sluice:job:end',
  /** A model stops caching queries for a while; with a `CacheBackoffEvent`. */
  cacheBackoff: 'sluice:cache:backoff',
} as const;

/** A channel that knows the type of its messages. */
export interface TypedChannel<Message> {
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

function typed<Message>(name: string): TypedChannel<Message> {
  return channel(name);
}

export const transactionStart: TypedChannel<TransactionEvent> = typed(channelNames.transactionStart);
export const transactionEnd: TypedChannel<TransactionEndEvent> = typed(channelNames.transactionEnd);
export const transactionRetry: TypedChannel<RetryEvent> = typed(channelNames.transactionRetry);
export const foreignWait: TypedChannel<ForeignWaitEvent> = typed(channelNames.foreignWait);
export const idleTransaction: TypedChannel<IdleTransactionEvent> = typed(channelNames.idleTransaction);
export const hookError: TypedChannel<HookErrorEvent> = typed(channelNames.hookError);
export const acquireWait: TypedChannel<AcquireWaitEvent> = typed(channelNames.acquireWait);
export const connectionLeak: TypedChannel<ConnectionLeakEvent> = typed(channelNames.connectionLeak);
export const connectionOpen: TypedChannel<ConnectionEvent> = typed(channelNames.connectionOpen);
export const connectionClose: TypedChannel<ConnectionEvent> = typed(channelNames.connectionClose);
export const connectionRelease: TypedChannel<ConnectionReleaseEvent> = typed(channelNames.connectionRelease);
export const lockProbe: TypedChannel<LockProbeEvent> = typed(channelNames.lockProbe);
export const backgroundError: TypedChannel<BackgroundErrorEvent> = typed(channelNames.backgroundError);
export const jobEnd: TypedChannel<JobEvent> = typed(channelNames.jobEnd);
export const cacheBackoff: TypedChannel<CacheBackoffEvent> = typed(channelNames.cacheBackoff);
