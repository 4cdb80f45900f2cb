import { channel } from 'node:diagnostics_channel';
import { describeThrown, isError } from '../core/index.ts';

/** A transaction opened or ended. */
export interface TransactionEvent {
  readonly clientName: string;
  readonly level: number;
  readonly transaction: string;
}

export interface TransactionEndEvent extends TransactionEvent {
  readonly outcome: 'committed' | 'rolledBack' | 'unknown';
  /** Milliseconds from the opening of the scope to the server's answer. */
  readonly duration: number;
}

/** A hook threw. The outcome of its transaction is not changed by it. */
export interface HookErrorEvent {
  readonly hook: 'commit' | 'compensate' | 'completion';
  readonly transaction: string | undefined;
  readonly error: unknown;
}

/** A request for a connection has to wait. */
export interface AcquireWaitEvent {
  readonly clientName: string;
  readonly level: number;
  readonly waiting: number;
}

/** A connection is held for longer than `leakThreshold`. */
export interface ConnectionLeakEvent {
  readonly clientName: string;
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
  readonly clientName: string;
  /** Connections of the client in this process, this one included where it was opened. */
  readonly open: number;
}

/** The server was asked who blocks a statement that takes long. */
export interface LockProbeEvent {
  readonly clientName: string;
  /** How many backends block it, directly or through others. */
  readonly blockers: number;
  /** Why the question could not be answered; it is asked again. */
  readonly error?: unknown;
}

/** Something went wrong that no caller waits for. What runs in the background goes on trying. */
export interface BackgroundErrorEvent {
  /** What it was: `outbox relay`, `queue`... */
  readonly source: string;
  readonly error: unknown;
}

/** A job was run. */
export interface JobEvent {
  readonly queue: string;
  readonly id: string;
  readonly level: number;
  readonly attempt: number;
  readonly outcome: 'completed' | 'failed' | 'retry' | 'released';
  /** Milliseconds. */
  readonly duration: number;
}

/** Queries of a model are not cached for a while, since too few of their answers were asked for again. */
export interface CacheBackoffEvent {
  readonly table: string;
  /** Of the queries that it looked at, how many the cache has answered: from 0 to 1. */
  readonly hitRate: number;
  /** How many queries go to the database before it looks again. */
  readonly queries: number;
}

/** The names of the `node:diagnostics_channel` channels; publishing without a subscriber costs next to nothing. */
export const channelNames = {
  transactionStart: 'sluice:transaction:start',
  transactionEnd: 'sluice:transaction:end',
  hookError: 'sluice:hook:error',
  acquireWait: 'sluice:pool:wait',
  connectionLeak: 'sluice:pool:leak',
  connectionOpen: 'sluice:connection:open',
  connectionClose: 'sluice:connection:close',
  lockProbe: 'sluice:lock:probe',
  backgroundError: 'sluice:background:error',
  jobEnd: 'sluice:job:end',
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
export const hookError: TypedChannel<HookErrorEvent> = typed(channelNames.hookError);
export const acquireWait: TypedChannel<AcquireWaitEvent> = typed(channelNames.acquireWait);
export const connectionLeak: TypedChannel<ConnectionLeakEvent> = typed(channelNames.connectionLeak);
export const connectionOpen: TypedChannel<ConnectionEvent> = typed(channelNames.connectionOpen);
export const connectionClose: TypedChannel<ConnectionEvent> = typed(channelNames.connectionClose);
export const lockProbe: TypedChannel<LockProbeEvent> = typed(channelNames.lockProbe);
export const backgroundError: TypedChannel<BackgroundErrorEvent> = typed(channelNames.backgroundError);
export const jobEnd: TypedChannel<JobEvent> = typed(channelNames.jobEnd);
export const cacheBackoff: TypedChannel<CacheBackoffEvent> = typed(channelNames.cacheBackoff);

/** Warnings that were given, so that a loop that keeps failing does not repeat them. */
const warned = new Set<string>();
const mostWarnings = 100;

/** Tells of an error that no caller is waiting for. Without a subscriber it becomes a process warning, once for each text. */
export function reportBackgroundError({ source, error }: BackgroundErrorEvent): void {
  if (backgroundError.hasSubscribers) {
    backgroundError.publish({ source, error });
    return;
  }
  const { name, message } = describeThrown(error);
  const text = `${source}: ${isError(error) ? `${name}: ${message}` : typeof error}`;
  if (warned.has(text) || warned.size >= mostWarnings) return;
  warned.add(text);
  const warning = new Error(`${text} (subscribe to ${channelNames.backgroundError} to handle this)`, {
    cause: error,
  });
  process.emitWarning(Object.assign(warning, { name: 'SluiceBackgroundWarning', code: 'SLUICE_BACKGROUND_ERROR' }));
}
