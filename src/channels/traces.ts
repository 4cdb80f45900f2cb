import type { TraceHeaders } from './telemetry.ts';
import { Trace, type TraceDetails, TraceEvent } from './trace.ts';

/** What telemetry calls a database: no user, and no password. */
export interface DatabaseAddress {
  /** The product, as OpenTelemetry names it: `postgresql`, `mysql`, `mariadb`, `sqlite`... */
  readonly system: string;
  /** The name of the database. */
  readonly namespace?: string | undefined;
  /** The host, or the path of a socket. */
  readonly host?: string | undefined;
  /** Its port. */
  readonly port?: number | undefined;
}

/** A transaction of the server, from the opening of its scope to the last of its hooks; each attempt is one. */
export class TransactionTrace extends TraceEvent {
  /** The isolation level and access mode that it was asked for. */
  readonly isolation: string;
  /** Whether it may only read. */
  readonly readOnly: boolean;
  /** Where it runs. */
  readonly address: DatabaseAddress;
  /** `unknown`: the connection was lost during COMMIT. Known at its end. */
  outcome: 'committed' | 'rolledBack' | 'unknown' | undefined = undefined;

  constructor(details: TraceDetails & Pick<TransactionTrace, 'isolation' | 'readOnly' | 'address'>) {
    super(details);
    this.isolation = details.isolation;
    this.readOnly = details.readOnly;
    this.address = details.address;
  }
}

/** A scope inside of a transaction. */
export class ScopeTrace extends TraceEvent {
  /** `joined` has a part in the transaction around it, `nested` a savepoint of its own. */
  readonly kind: 'joined' | 'nested';

  constructor(details: TraceDetails & { readonly kind: ScopeTrace['kind'] }) {
    super(details);
    this.kind = details.kind;
  }
}

/** A statement, in a transaction or alone. BEGIN, COMMIT and savepoints travel with statements and are none. */
export class StatementTrace extends TraceEvent {
  /** The SQL with `?` in place of each literal and without comments; cut at 10,000 characters. Values are in no event. */
  readonly text: string;
  /** Its first word in upper case: `SELECT`, `INSERT`... */
  readonly kind: string;
  /** Where it runs. */
  readonly address: DatabaseAddress;
  /** Whether the server had it prepared; undefined where the driver does not tell. Known when it is sent. */
  prepared: boolean | undefined = undefined;
  /** Milliseconds until it was sent, or the server came to it: for its turn, and for a connection. */
  queued: number | undefined = undefined;
  /** Milliseconds from then to the answer. */
  running: number | undefined = undefined;
  /** Rows returned or changed. */
  rowCount: number | undefined = undefined;
  /** Whether the COMMIT of its transaction travels with it. */
  readonly commits: boolean;

  constructor(details: TraceDetails & Pick<StatementTrace, 'text' | 'kind' | 'address' | 'commits'>) {
    super(details);
    this.text = details.text;
    this.kind = details.kind;
    this.address = details.address;
    this.commits = details.commits;
  }
}

/** A request for a connection, until it has one. */
export class AcquireTrace extends TraceEvent {
  /** Whether it had to wait: no connection was idle. */
  waited = false;
}

/** A COMMIT that travels alone. */
export class CommitTrace extends TraceEvent {
  /** What came of it; known at its end. */
  outcome: TransactionTrace['outcome'] = undefined;
}

/** A hook of a transaction. One that throws fails, and changes nothing of the outcome after a commit. */
export class HookTrace extends TraceEvent {
  /** `afterCompletion`: the outcome is not known. */
  readonly hook: 'beforeCommit' | 'afterCommit' | 'afterRollback' | 'afterCompletion';

  constructor(details: TraceDetails & { readonly hook: HookTrace['hook'] }) {
    super(details);
    this.hook = details.hook;
  }
}

interface JobDetails {
  readonly queue: string;
  readonly jobId: string;
}

/** A job is handed to its queue, or written to the outbox of its transaction. */
export class JobPushTrace extends TraceEvent {
  /** The name of the queue. */
  readonly queue: string;
  /** The job's UUID. */
  readonly jobId: string;
  /** `request` ends with the answer of the job. */
  readonly operation: 'push' | 'request';

  constructor(details: TraceDetails & JobDetails & { readonly operation: JobPushTrace['operation'] }) {
    super(details);
    this.operation = details.operation;
    this.queue = details.queue;
    this.jobId = details.jobId;
  }
}

/** A job is run. */
export class JobRunTrace extends TraceEvent {
  /** The name of the queue. */
  readonly queue: string;
  /** The job's UUID. */
  readonly jobId: string;
  /** Milliseconds that it lay in the queue, by the clocks of two processes; undefined where that is not known. */
  readonly waited: number | undefined;
  /** The trace that it was pushed in, as its envelope says. */
  readonly pushedIn: TraceHeaders | undefined;
  /** `retry`: it failed and runs again; `failed`: for good; `released`: it went back to the queue unfinished. */
  outcome: 'completed' | 'failed' | 'retry' | 'released' | undefined = undefined;

  constructor(details: TraceDetails & JobDetails & Pick<JobRunTrace, 'waited' | 'pushedIn'>) {
    super(details);
    this.queue = details.queue;
    this.jobId = details.jobId;
    this.waited = details.waited;
    this.pushedIn = details.pushedIn;
  }
}

/** The relay takes due messages from the outbox and delivers them. */
export class RelayTrace extends TraceEvent {
  /** Messages that were delivered. */
  delivered = 0;
  /** Messages that were not, and are tried again or parked. */
  undelivered = 0;
}

/** Messages of the outbox are handed to `deliver`. */
export class DeliverTrace extends TraceEvent {
  /** The channel of the relay. */
  readonly channel: string;
  /** How many messages. */
  readonly count: number;
  /** The traces that they were written in; at most 128, each once. */
  readonly writtenIn: readonly TraceHeaders[];

  constructor(details: TraceDetails & Pick<DeliverTrace, 'channel' | 'count' | 'writtenIn'>) {
    super(details);
    this.channel = details.channel;
    this.count = details.count;
    this.writtenIn = details.writtenIn;
  }
}

/** A value is asked of a cache, or given to it. */
export class CacheTrace extends TraceEvent {
  /** The name of the cache. */
  readonly cache: string;
  /** `load` is `getOrSet`; `delete` is any call that ends values. */
  readonly operation: 'get' | 'load' | 'set' | 'delete';
  /** For `get` and `load`: whether the value was there. */
  hit: boolean | undefined = undefined;

  constructor(details: TraceDetails & { readonly cache: string; readonly operation: CacheTrace['operation'] }) {
    super(details);
    this.cache = details.cache;
    this.operation = details.operation;
  }
}

/**
 * The names of the tracing channels for what takes time, for `tracingChannel(name)` of `node:diagnostics_channel`; without a
 * subscriber nothing is made for them.
 *
 * ```ts
 * import { tracingChannel } from 'node:diagnostics_channel';
 * tracingChannel(traceNames.statement).asyncEnd.subscribe((event) => console.log(event));
 * ```
 */
export const traceNames = {
  /** A transaction of the server; with a `TransactionTrace`. */
  transaction: 'sluice:transaction',
  /** A scope that joins or nests; with a `ScopeTrace`. */
  scope: 'sluice:scope',
  /** A statement; with a `StatementTrace`. */
  statement: 'sluice:statement',
  /** A request for a connection; with an `AcquireTrace`. */
  acquire: 'sluice:acquire',
  /** A COMMIT that travels alone; with a `CommitTrace`. */
  commit: 'sluice:commit',
  /** A hook; with a `HookTrace`. */
  hook: 'sluice:hook',
  /** A job is enqueued; with a `JobPushTrace`. */
  jobPush: 'sluice:job.push',
  /** A job is run; with a `JobRunTrace`. */
  jobRun: 'sluice:job.run',
  /** A round of the outbox's relay; with a `RelayTrace`. */
  relay: 'sluice:outbox.relay',
  /** Messages of the outbox are handed over; with a `DeliverTrace`. */
  deliver: 'sluice:outbox.deliver',
  /** A call of a cache; with a `CacheTrace`. */
  cache: 'sluice:cache',
} as const;

export const transactionTrace: Trace<TransactionTrace> = new Trace(traceNames.transaction);
export const scopeTrace: Trace<ScopeTrace> = new Trace(traceNames.scope);
export const statementTrace: Trace<StatementTrace> = new Trace(traceNames.statement);
export const acquireTrace: Trace<AcquireTrace> = new Trace(traceNames.acquire);
export const commitTrace: Trace<CommitTrace> = new Trace(traceNames.commit);
export const hookTrace: Trace<HookTrace> = new Trace(traceNames.hook);
export const jobPushTrace: Trace<JobPushTrace> = new Trace(traceNames.jobPush);
export const jobRunTrace: Trace<JobRunTrace> = new Trace(traceNames.jobRun);
export const relayTrace: Trace<RelayTrace> = new Trace(traceNames.relay);
export const deliverTrace: Trace<DeliverTrace> = new Trace(traceNames.deliver);
export const cacheTrace: Trace<CacheTrace> = new Trace(traceNames.cache);
