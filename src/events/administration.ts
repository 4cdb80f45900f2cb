import { aBoolean, type Check, integer, InvalidOptionError, label, listOf, oneOf, readOptions } from '../core/index.ts';
import type { Db } from '../database/index.ts';
import { eventTables } from './tables.ts';

/** Where a publication is: to be run, being run, or set aside because its listener has failed too often. */
export type PublicationState = 'published' | 'processing' | 'failed';

/** A publication that is not completed: an event for one of its durable listeners. */
export interface EventPublication {
  /** Names it for `resubmit`. */
  readonly number: string;
  /** A UUID that names the event. */
  readonly eventId: string;
  /** The name of the event. */
  readonly event: string;
  /** The id of the listener. */
  readonly listener: string;
  /** Whether this process has the listener. One that no process has any longer keeps its publications. */
  readonly isRegistered: boolean;
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
export interface PublicationPage {
  /** The publications, oldest first. */
  readonly publications: readonly EventPublication[];
  /** Where the list goes on; undefined at its end. */
  readonly cursor: string | undefined;
}

/** Options of `events.incomplete()`. */
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
export interface PublicationCounts {
  /** The id of the listener. */
  readonly listener: string;
  /** The name of the event. */
  readonly event: string;
  /** Whether this process has the listener. */
  readonly isRegistered: boolean;
  /** How many are to be run. */
  readonly published: number;
  /** How many are run. */
  readonly processing: number;
  /** How many were set aside. */
  readonly failed: number;
  /** For how many milliseconds the oldest that was not set aside has waited; 0 where none waits. */
  readonly lag: number;
}

/** Options of `events.resubmit()`, which has to be told which ones: by `numbers`, `listener` or `all`. */
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

/** Looks at the publications of a client that are not completed, and has them run again. */
export class PublicationDesk {
  readonly #db: Db;
  readonly #isRegistered: (listener: string) => boolean;

  constructor(db: Db, isRegistered: (listener: string) => boolean) {
    this.#db = db;
    this.#isRegistered = isRegistered;
  }

  async incomplete(options: IncompleteOptions): Promise<PublicationPage> {
    const read = readOptions('events.incomplete', options, incompleteChecks);
    const { state, listener, limit = 100, cursor = '0', withPayload: payload = false } = read;
    const asked = eventTables.of(this.#db).list({ state, listener, limit: limit + 1, after: cursor, payload });
    const { rows } = await eventTables.query<Row>(this.#db, asked);
    const publications = rows.slice(0, limit).map((row) => this.#publicationOf(row));
    return { publications, cursor: rows.length > limit ? publications.at(-1)?.number : undefined };
  }

  async counts(): Promise<readonly PublicationCounts[]> {
    const { rows } = await eventTables.query(this.#db, eventTables.of(this.#db).counts());
    const groups = Map.groupBy(rows, ({ listener, event }) => JSON.stringify([listener, event]));
    return [...groups.values()].map((group) => {
      const [first] = group;
      const of = (state: PublicationState): Record<string, unknown> | undefined =>
        group.find((row) => row['state'] === state);
      const counted = (state: PublicationState): number => Number(of(state)?.['count'] ?? 0);
      const listener = String(first?.['listener']);
      const lags = [of('published'), of('processing')].map((row) => Number(row?.['lag'] ?? 0));
      return {
        listener,
        event: String(first?.['event']),
        isRegistered: this.#isRegistered(listener),
        published: counted('published'),
        processing: counted('processing'),
        failed: counted('failed'),
        lag: Math.max(0, ...lags),
      };
    });
  }

  async resubmit(options: ResubmitOptions): Promise<number> {
    const read = readOptions('events.resubmit', options, resubmitChecks);
    const { numbers, listener, all = false, limit = 1_000 } = read;
    if (numbers === undefined && listener === undefined && !all) throw unnamed();
    if (numbers?.length === 0) return 0;
    const sql = eventTables.of(this.#db);
    const asked = numbers === undefined ? sql.resubmitFailed(listener, limit) : sql.resubmit(numbers);
    return (await eventTables.query(this.#db, asked)).rowCount;
  }

  #publicationOf(row: Row): EventPublication {
    return {
      number: row.id,
      eventId: row.event_id,
      event: row.event,
      listener: row.listener,
      isRegistered: this.#isRegistered(row.listener),
      state: row.state,
      attempts: row.attempts,
      lastError: row.last_error ?? undefined,
      publishedAt: new Date(Number(row.published_at)),
      dueAt: row.due_at === null ? undefined : new Date(Number(row.due_at)),
      ...(row.payload === null ? {} : { payload: JSON.parse(row.payload) as unknown }),
    };
  }
}

/** What an option that is undefined by mistake would come to: everything. */
function unnamed(): InvalidOptionError {
  return new InvalidOptionError({
    what: 'events.resubmit() was not told which publications it should have run again',
    remedy: 'Give { numbers } or { listener }, or { all: true } for the failed ones of all listeners',
  });
}
