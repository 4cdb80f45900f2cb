import type { Begun, ClientIdentity, RecordedClient } from '../context/index.ts';
import type { Origin } from '../core/index.ts';
import type { Driver, DriverConnection, QueryResult, Statement } from '../driver/index.ts';
import type { OnSent } from '../observation/index.ts';
import type { Pool } from '../pool/index.ts';
import type { ClientSettings } from '../riders/index.ts';
import type { LockWatch } from './lock-watch.ts';
import type { WorkInProgress } from './work-in-progress.ts';

/** `warn` once for each library, refuse with an `error`, or `allow`. */
export type UnboundTreatment = 'warn' | 'error' | 'allow';

export type Results = readonly QueryResult[];

/** A read outside of a transaction that locks nothing. */
export interface LoneRead {
  readonly statement: Statement;
  readonly onSent?: OnSent | undefined;
  /** Where the program asked for it. */
  readonly origin: Origin | undefined;
  /** When the work began that it belongs to: a database that closes lets that end which had begun. */
  readonly begun: Begun;
  /** When it is given up, in milliseconds from now, and with which error. */
  readonly limit: { readonly remaining: number; readonly error: () => unknown } | undefined;
}

/** What lets such reads share connections. */
export interface LoneReads {
  /**
   * Runs one: by itself, or with others that are there.
   * @param byItself runs it, and has `onSent` called when it is sent
   */
  run(read: LoneRead, byItself: (onSent: OnSent) => Promise<Results>): Promise<Results>;
}

/** All that a transaction needs of the client that it runs on. */
export interface TransactionalClient extends ClientIdentity, RecordedClient {
  readonly driver: Driver;
  readonly pool: Pool<DriverConnection>;
  /** From 0 to 1, for the jitter of retries. */
  readonly random: () => number;
  /** How many hooks may be registered by hooks of one transaction. */
  readonly hookLimit: number;
  /** What becomes of a transaction of a library that is not bound. */
  readonly unbound: UnboundTreatment;
  readonly work: WorkInProgress;
  readonly locks: LockWatch;
  /** What its transactions and statements set by context, if anything. */
  readonly settings: ClientSettings | undefined;
  /** Where its reads outside of transactions travel together, if they do. */
  readonly reads: LoneReads | undefined;
}
