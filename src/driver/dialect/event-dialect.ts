import type { QueryResult, Statement } from '../statement.ts';
import type { TableDialect } from './table-dialect.ts';

/** A publication to insert: an event for one of its listeners. */
export interface NewPublication {
  /** Names the event; the same for all of its listeners. */
  readonly eventId: string;
  /** The name of the event's definition. */
  readonly event: string;
  /** The id of the listener. */
  readonly listener: string;
  /** JSON. */
  readonly payload: string;
  /** JSON. */
  readonly context: string;
}

/** A publication that was claimed. */
export interface ClaimedPublication {
  /** The number of the row, as text. */
  readonly id: string;
  /** Names the event. */
  readonly event_id: string;
  /** The name of the event's definition. */
  readonly event: string;
  /** The id of the listener. */
  readonly listener: string;
  /** JSON. */
  readonly payload: string;
  /** JSON. */
  readonly context: string;
  /** How often it was claimed, this time included. */
  readonly attempts: number;
  /** A date, or milliseconds since 1970. */
  readonly published_at: unknown;
}

/** A listener that a process has. */
export interface ListenerOfEvent {
  /** The id of the listener. */
  readonly listener: string;
  /** The name of the definition of the event that it is for in this process; in one of another version it may be another. */
  readonly event: string;
}

/** What becomes of a publication when its listener has succeeded. */
export type CompletionMode = 'keep' | 'delete' | 'archive';

/** What a dialect sends statements on: a handle of the database. */
export interface EventHandle {
  /** Runs one statement. */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<QueryResult<Row>>;
  /** The transactions of the handle. */
  readonly transaction: {
    /** Runs a body as a transaction. */
    begin<Result>(
      body: () => Promise<Result>,
      options: { readonly name: string; readonly isolationLevel: 'READ_COMMITTED' },
    ): Promise<Result>;
  };
}

/** Which publications are listed. */
export interface PublicationListing {
  /** Only those in this state. */
  readonly state: string | undefined;
  /** Only those of this listener. */
  readonly listener: string | undefined;
  /** Those with a greater number; `'0'` for all. */
  readonly after: string;
  /** The most of them. */
  readonly limit: number;
  /** Whether `payload` and `context` are wanted. */
  readonly payload: boolean;
}

/** What is noted of an attempt that failed. */
export interface FailedAttempt {
  /** The number of the row. */
  readonly id: string;
  /** What the claim had counted: another claim since then makes it void. */
  readonly attempts: number;
  /** In words. */
  readonly error: string;
  /** Milliseconds until the next attempt; none: it is parked. */
  readonly pause: number | undefined;
}

/**
 * Publications of transactional events on one engine, as its driver brings them. A publication has a time at which it is due
 * (`due_at`) as long as it is to be run, so that those that have ended are in no range that a claim reads.
 */
export interface EventDialect extends TableDialect {
  /** Adds publications, as many at once as it is given. */
  add(publications: readonly NewPublication[]): Statement;
  /**
   * Takes at most `limit` publications of these listeners, for these events of theirs, that are due and not locked, by themselves and committed: they are
   * `processing` with one more attempt, and due again after `lease` milliseconds.
   */
  claim(
    db: EventHandle,
    listeners: readonly ListenerOfEvent[],
    limit: number,
    lease: number,
  ): Promise<readonly ClaimedPublication[]>;
  /** In the listener's transaction: locks the row and gives one row, if the claim still holds. */
  lock(id: string, attempts: number): Statement;
  /** In the listener's transaction: it has succeeded. */
  complete(mode: CompletionMode, id: string): readonly Statement[];
  /** Notes a failure. */
  fail(attempt: FailedAttempt): Statement;
  /** Undoes a claim. */
  giveBack(id: string, attempts: number): Statement;
  /** Rows of `{ listener, event, state, count, lag }` of what is incomplete: of all of it, or of the oldest `limit`. */
  counts(limit?: number): Statement;
  /** What is incomplete, by number. */
  list(listing: PublicationListing): Statement;
  /** Has those with these numbers that do not run be due at once, with all of their attempts. */
  resubmit(numbers: readonly string[]): Statement;
  /** The same for the oldest failed ones, of one listener or of all. */
  resubmitFailed(listener: string | undefined, limit: number): Statement;
  /** Deletes completed ones older than `age` milliseconds; a part of them, where they are many. */
  forget(mode: CompletionMode, age: number): Statement;
}
