import type { HistoryEntry } from '../core/index.ts';
import type { HolderInfo, Standstill } from '../observation/index.ts';
import type { PoolStats } from '../pool/index.ts';
import type { ActionName, WorkView } from './work-views.ts';

/*
 * What the page gets, as JSON; of jobs, messages, sagas and publications it is in work-views.ts. A field that is undefined is missing in it. All texts come from programs and servers: the page
 * shows them as text. All times are milliseconds; `at` and `startedAt` are since 1970, by the clock of the inspector's process.
 *
 * Everything below /api wants the header `Authorization: Bearer <token>`, the stream too: the page reads it with `fetch` and a
 * reader, since an EventSource has no headers. The token stands behind the # of the URL (`#token=...`), which no browser sends:
 * the page takes it from there, and keeps it in `sessionStorage`. Failures are `ApiFailure` with a status of 400 and above; 401:
 * the token is missing or wrong.
 *
 *   GET  /                                     the page, and its assets at their paths; no token, since they hold nothing
 *   GET  /api/snapshot                         a `Snapshot`, with all points that are kept
 *   GET  /api/stream                           the same as `text/event-stream`: `event: snapshot`, `data:` a `Snapshot` on one
 *                                              line; the first has all points, each later one those that are new or have changed
 *   GET  /api/transactions/<id>                a `TransactionHistory`; 404 once it has ended
 *   GET  /api/jobs?queue=&state=&limit=        a `JobList`
 *   GET  /api/outbox?channel=&limit=           an `OutboxList`
 *   GET  /api/received?consumer=&limit=        a `ReceivedList`; a consumer is `<group>/<topic>`
 *   GET  /api/sagas?saga=&status=&limit=       a `SagaList`
 *   GET  /api/sagas/<saga>/<id>                a `SagaDetailView`; 404 where there is no such saga
 *   GET  /api/publications?listener=&state=&limit=   a `PublicationList`
 *   POST /api/jobs/<queue>/<id>/retry          each an `ActionAnswer`; no body, and `Origin` is the inspector's own, which
 *   POST /api/jobs/<queue>/<id>/discard        browsers send by themselves. Only those that `Snapshot.actions` names are there:
 *   POST /api/outbox/<channel>/<number>/replay the page asks for confirmation first.
 *   POST /api/outbox/<channel>/<number>/discard
 *   POST /api/received/<consumer>/<number>/replay
 *   POST /api/received/<consumer>/<number>/discard
 *   POST /api/sagas/<saga>/<id>/resume
 *   POST /api/sagas/<saga>/<id>/cancel
 *   POST /api/publications/<listener>/<number>/resubmit
 *
 * page/index.ts gives the files of the page, by `pageAsset(path)`: with it alone the server knows the page.
 * The Content-Security-Policy allows scripts, styles, images and connections of the inspector alone, nothing inline and no `eval`.
 */

/** The 50th, 95th and 99th percentile of durations, each right to a tenth. */
export type Percentiles = readonly [p50: number, p95: number, p99: number];

/** A second of what happened, in all processes that answered. */
export interface Point {
  /** When the second began; always a whole one. */
  readonly at: number;
  /** Transactions that ended, by outcome. */
  readonly committed: number;
  readonly rolledBack: number;
  readonly unknown: number;
  /** Of those transactions; missing where none ended. */
  readonly transactionTimes?: Percentiles | undefined;
  /** Statements that were answered, and how many of them failed. */
  readonly statements: number;
  readonly failedStatements: number;
  /** From the moment they were sent. */
  readonly statementTimes?: Percentiles | undefined;
  /** Requests for a connection that had to wait, and how long. */
  readonly waits: number;
  readonly waitTimes?: Percentiles | undefined;
  readonly retries: number;
  readonly failedHooks: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** Runs of jobs that ended, by outcome. */
  readonly jobsCompleted: number;
  readonly jobsFailed: number;
  readonly jobsRetried: number;
  readonly jobsReleased: number;
  /** Messages of the outbox that were handed over, and that could not be. */
  readonly delivered: number;
  readonly undelivered: number;
}

/** A client's pool in one process. */
export interface PoolView extends PoolStats {
  readonly clientName: string;
  /** Server and database in words, without user and password; two processes with the same have the same database. */
  readonly target: string;
}

/** What a cache has done in one process since it was made. */
export interface CacheView {
  readonly name: string;
  readonly hits: number;
  readonly misses: number;
  readonly bypasses: number;
  readonly loads: number;
  readonly failures: number;
  readonly copies: number;
}

/** A process, as it introduces itself. */
export interface ProcessIdentity {
  readonly id: string;
  /** As given to `startInspector` or `joinFleet`; default: the name of the program's file. */
  readonly name: string;
  readonly pid: number;
  readonly host: string;
  /** When the process started, by its own clock. */
  readonly startedAt: number;
  readonly nodeVersion: string;
  readonly version: string;
}

/** A process of the fleet, and how it answered. */
export interface ProcessView extends ProcessIdentity {
  /** Whether the inspector runs in it. */
  readonly isInspector: boolean;
  /** `silent`: it did not answer in time. `garbled`: what it sent cannot be read. `tooLarge`: it sent more than is taken. */
  readonly status: 'answered' | 'silent' | 'garbled' | 'tooLarge';
  /** Since when it has not answered as it should. */
  readonly since?: number | undefined;
  readonly pools: readonly PoolView[];
  readonly caches: readonly CacheView[];
  /** How many transactions, statements and checkouts it has, of which how many wait for a connection. */
  readonly holders: number;
  readonly waiting: number;
}

/** Who has a connection, or waits for one, with its process. Ids are unique among all processes. */
export interface HolderView extends HolderInfo {
  readonly processId: string;
}

/** Those of one kind that are not shown each by itself: there are too many. */
export interface HolderGroup {
  readonly processId: string;
  readonly kind: HolderInfo['kind'];
  readonly name: string;
  readonly clientName: string;
  readonly level: number;
  readonly waitsFor: HolderInfo['waitsFor']['type'];
  readonly count: number;
  /** The age of the oldest. */
  readonly age: number;
  /** The longest wait. */
  readonly for: number;
}

/** All who have a connection or wait for one. */
export interface HoldersView {
  /** Those that began first, and all that hold a connection, at most 300 of a process. */
  readonly shown: readonly HolderView[];
  /** All others, at most 100 groups of a process, the largest first. */
  readonly groups: readonly HolderGroup[];
  /** How many there are in all: shown, grouped and neither. */
  readonly total: number;
  /** How many are in no group either. */
  readonly leftOut: number;
}

/** A session of the server that belongs to no process of the fleet; with the option `sessions` alone. */
export interface SessionView {
  /** The server's process or connection id. */
  readonly backendId: number;
  /** The database server in words. */
  readonly target: string;
  readonly user: string;
  /** What the client calls itself. */
  readonly application: string;
  /** As the server says: `active`, `idle in transaction`... */
  readonly state: string;
  /** Since when it is in that state. */
  readonly for: number;
  /** For how long its transaction is open. */
  readonly transactionAge?: number | undefined;
  /** What it runs or has run last, without literals. */
  readonly text?: string | undefined;
  /** The ids of the backends that it waits for. */
  readonly blockedBy: readonly number[];
}

/** What the page shows now. */
export interface Snapshot extends WorkView {
  readonly version: 1;
  readonly at: number;
  /** The id of the inspector's process. */
  readonly inspector: string;
  /** Whether lists carry payloads: option `payloads`. */
  readonly payloads: boolean;
  /** What may be done: option `actions`. Those that are missing are refused. */
  readonly actions: readonly ActionName[];
  readonly processes: readonly ProcessView[];
  readonly holders: HoldersView;
  /** What stands still, over all processes: `findStandstills` of those that are shown. */
  readonly standstills: readonly Standstill[];
  readonly sessions: readonly SessionView[];
  /** By time, at most the last 15 minutes, from when a page was first open. Of a second without a point nothing is known: no page was open. */
  readonly points: readonly Point[];
  /** What could not be found out, in words: `the database does not answer`. */
  readonly problems: readonly string[];
}

/** The last things that happened in the chain of a transaction that is open. */
export interface TransactionHistory {
  readonly processId: string;
  readonly id: string;
  readonly history: readonly HistoryEntry[];
}

/** A request that failed. */
export interface ApiFailure {
  readonly error: { readonly code: string; readonly message: string };
}
