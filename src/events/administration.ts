import { aBoolean, type Check, integer, InvalidOptionError, label, listOf, oneOf, readOptions } from '../core/index.ts';
import type { Db } from '../database/index.ts';
import { eventTables } from './tables.ts';

/** Where a publication is: to be run, being run, or set aside because its listener has failed too often. */
export type PublicationState = 'published' | 'processing' | 'failed';

/** A publication that is not completed: an event for one of its durable listeners. */
export interface StoredPublication {
  /** Names it for `resubmit`. */
  readonly number: string;
  /** A UUID that names the event. */
  readonly eventId: string;
  /** The name of the event. */
  readonly event: string;
  /** The id of the listener. */
  readonly listener: string;
  /** Where it is. */
  readonly state: PublicationState;
  /** How many attempts were begun. */
  readonly attempts: number;
  /** The error of the last attempt that has failed. */
  readonly lastError: string | undefined;
  /** When it was published. */
  readonly publishedAt: Date;
  /** When it is run at the earliest: later than now between two attempts; undefined for one that has failed. */
  readonly dueAt: Date | undefined;
  /** The payload, parsed from JSON; only where it was asked for. */
  readonly payload?: unknown;
}

/** A part of a list of publications. */
export interface StoredPublicationPage {
  /** The publications, oldest first. */
  readonly publications: readonly StoredPublication[];
  /** Where the list goes on; undefined at its end. */
  readonly cursor: string | undefined;
}

/** Options of `events.incomplete()` and `listPublications()`. */
export interface IncompleteOptions {
  /** Only those in this state. Default: all. */
  readonly state?: PublicationState | undefined;
  /** Only those of the listener with this id. Default: all. */
  readonly listener?: string | undefined;
  /** The most publications of a page. Default 100. */
  readonly limit?: number | undefined;
  /** The `cursor` of the page before. Default: the first page. */
  readonly cursor?: string | undefined;
  /** Whether payloads are wanted. Default false. */
  readonly withPayload?: boolean | undefined;
}

/** How many publications of a listener are not completed. */
export interface StoredPublicationCounts {
  /** The id of the listener. */
  readonly listener: string;
  /** The name of the event. */
  readonly event: string;
  /** How many are to be run. */
  readonly published: number;
  /** How many are run. */
  readonly processing: number;
  /** How many were set aside. */
  readonly failed: number;
  /** For how many milliseconds the oldest that was not set aside has waited; 0 where none waits. */
  readonly lag: number;
  /** Whether there may be more: counting has stopped at the `limit`. */
  readonly hasMore: boolean;
}

/** Options of `publicationCounts()`. */
export interface PublicationCountsOptions {
  /** The most publications that are counted, of all listeners together: the oldest. Default: all. */
  readonly limit?: number | undefined;
}

/** Options of `events.resubmit()` and `resubmitPublications()`, which have to be told which ones: by `numbers`, `listener` or `all`. */
export interface ResubmitOptions {
  /** Those with these numbers, failed or waiting for their next attempt. Default: failed ones of a listener or all, the oldest first. */
  readonly numbers?: readonly string[] | undefined;
  /** Of failed ones only those of the listener with this id. Default: those of all, which `all` has to allow. */
  readonly listener?: string | undefined;
  /** Whether the failed ones of all listeners are meant, where there are no `numbers` and no `listener`. Default false. */
  readonly all?: boolean | undefined;
  /** The most failed ones. Default 1,000. */
  readonly limit?: number | undefined;
}

/** A row as the table has it. */
interface Row {
  readonly id: string;
  readonly event_id: string;
  readonly event: string;
  readonly listener: string;
  readonly state: PublicationState;
  readonly attempts: number;
  readonly last_error: string | null;
  readonly payload: string | null;
  readonly published_at: unknown;
  readonly due_at: unknown;
}

const aNumber: Check = (value) =>
  typeof value === 'string' && /^\d{1,18}$/.test(value) ? undefined : 'a number as text';
const incompleteChecks: Record<keyof IncompleteOptions, Check> = {
  state: oneOf(['published', 'processing', 'failed']),
  listener: label(200),
  limit: integer(1, 1_000),
  cursor: aNumber,
  withPayload: aBoolean,
};
const resubmitChecks: Record<keyof ResubmitOptions, Check> = {
  numbers: listOf(aNumber, 1_000, 'at most 1000 numbers of publications, as text'),
  listener: label(200),
  all: aBoolean,
  limit: integer(1, 100_000),
};

const countsChecks: Record<keyof PublicationCountsOptions, Check> = { limit: integer(1, 100_000_000) };

/**
 * Publications that are not completed, oldest first, in a program that need not have their listeners.
 *
 * ```ts
 * const { publications } = await listPublications(database.current, { state: 'failed', limit: 20 });
 * for (const { listener, lastError } of publications) console.log(listener, lastError);
 * ```
 * @param db a handle on the client of the publications
 * @throws EventTablesMissingError; InvalidOptionError
 */
export function listPublications(db: Db, options: IncompleteOptions = {}): Promise<StoredPublicationPage> {
  return readIncomplete('listPublications', db, options);
}

/**
 * How many publications are not completed, by listener and event. Those that are completed are not read.
 *
 * ```ts
 * for (const { listener, failed, lag } of await publicationCounts(database.current)) console.log(listener, failed, lag);
 * ```
 * @param db a handle on the client of the publications
 * @throws EventTablesMissingError; InvalidOptionError
 */
export async function publicationCounts(
  db: Db,
  options: PublicationCountsOptions = {},
): Promise<readonly StoredPublicationCounts[]> {
  const sql = eventTables.of(db);
  const { limit } = readOptions('publicationCounts', options, countsChecks);
  // One more, which tells whether there are more.
  const { rows } = await eventTables.query(db, sql.counts(limit === undefined ? undefined : limit + 1));
  const total = rows.reduce((sum, { count }) => sum + Number(count), 0);
  const hasMore = limit !== undefined && total > limit;
  const groups = Map.groupBy(rows, ({ listener, event }) => JSON.stringify([listener, event]));
  return [...groups.values()].map((group) => ({ ...countsOf(group), hasMore }));
}

/**
 * Has publications run again, with all of their attempts, by a process that has started their listeners. Those that run are left
 * alone.
 *
 * ```ts
 * await resubmitPublications(database.current, { listener: 'invoice' });
 * await resubmitPublications(database.current, { numbers: ['17'] });
 * ```
 * @param db a handle on the client of the publications
 * @returns how many
 * @throws InvalidOptionError, also for options that name none; EventTablesMissingError
 */
export function resubmitPublications(db: Db, options: ResubmitOptions): Promise<number> {
  return resubmitNamed('resubmitPublications', db, options);
}

/** @param owner whose options they are */
export async function readIncomplete(
  owner: string,
  db: Db,
  options: IncompleteOptions,
): Promise<StoredPublicationPage> {
  const sql = eventTables.of(db);
  const read = readOptions(owner, options, incompleteChecks);
  const { state, listener, limit = 100, cursor = '0', withPayload: payload = false } = read;
  const asked = sql.list({ state, listener, limit: limit + 1, after: cursor, payload });
  const { rows } = await eventTables.query<Row>(db, asked);
  const publications = rows.slice(0, limit).map(publicationOf);
  return { publications, cursor: rows.length > limit ? publications.at(-1)?.number : undefined };
}

/** @param owner whose options they are */
export async function resubmitNamed(owner: string, db: Db, options: ResubmitOptions): Promise<number> {
  const sql = eventTables.of(db);
  const { numbers, listener, all = false, limit = 1_000 } = readOptions(owner, options, resubmitChecks);
  if (numbers === undefined && listener === undefined && !all) throw unnamed(owner);
  if (numbers?.length === 0) return 0;
  const asked = numbers === undefined ? sql.resubmitFailed(listener, limit) : sql.resubmit(numbers);
  return (await eventTables.query(db, asked)).rowCount;
}

/** @param group the rows of a listener and event, by state */
function countsOf(group: readonly Readonly<Record<string, unknown>>[]): Omit<StoredPublicationCounts, 'hasMore'> {
  const of = (state: PublicationState): Readonly<Record<string, unknown>> | undefined =>
    group.find((row) => row['state'] === state);
  const counted = (state: PublicationState): number => Number(of(state)?.['count'] ?? 0);
  const lags = [of('published'), of('processing')].map((row) => Number(row?.['lag'] ?? 0));
  return {
    listener: String(group[0]?.['listener']),
    event: String(group[0]?.['event']),
    published: counted('published'),
    processing: counted('processing'),
    failed: counted('failed'),
    lag: Math.max(0, ...lags),
  };
}

function publicationOf(row: Row): StoredPublication {
  return {
    number: row.id,
    eventId: row.event_id,
    event: row.event,
    listener: row.listener,
    state: row.state,
    attempts: row.attempts,
    lastError: row.last_error ?? undefined,
    publishedAt: new Date(Number(row.published_at)),
    dueAt: row.due_at === null ? undefined : new Date(Number(row.due_at)),
    ...(row.payload === null ? {} : { payload: JSON.parse(row.payload) as unknown }),
  };
}

/** What an option that is undefined by mistake would come to: everything. */
function unnamed(owner: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `${owner}() was not told which publications it should have run again`,
    remedy: 'Give { numbers } or { listener }, or { all: true } for the failed ones of all listeners',
  });
}
