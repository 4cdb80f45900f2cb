import type { Sql } from '../sql.ts';
import type { QueryResult, Statement } from '../statement.ts';
import type { ReceivedMessages } from './received-messages.ts';
import type { TableDialect } from './table-dialect.ts';

/** A row to insert into the outbox. */
export interface NewOutboxRow {
  /** Tells apart what different relays deliver. */
  readonly channel: string;
  /** Names the message to its receiver. */
  readonly jobId: string;
  /** Where it goes. */
  readonly queue: string;
  /** Messages with the same queue and key are delivered in their order; `null`: in any order. */
  readonly key: string | null;
  /** JSON. */
  readonly payload: string;
  /** JSON. */
  readonly context: string;
}

/** A message as the table holds it. */
export interface OutboxRow {
  /** The number of the row, as text: the dialect's own name for the message. */
  readonly id: string;
  /** Names the message to its receiver. */
  readonly job_id: string;
  /** Where it goes. */
  readonly queue: string;
  /** Of messages that are delivered in their order. */
  readonly key: string | null;
  /** JSON. */
  readonly payload: string;
  /** JSON. */
  readonly context: string;
  /** How often its delivery has failed. */
  readonly attempts: number;
}

/** What a dialect sends statements on: a handle of the database. */
export interface OutboxHandle {
  /** Runs one statement. */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<QueryResult<Row>>;
  /** The transactions of the handle. */
  readonly transaction: {
    /** Runs statements as one transaction, in one round trip. */
    batch(statements: readonly Sql<unknown>[]): Promise<readonly QueryResult<unknown>[]>;
  };
}

/** Which messages of a channel are listed. */
export interface OutboxListing {
  /** Tells apart what different relays deliver. */
  readonly channel: string;
  /** Whether those that were parked, or those that wait. */
  readonly parked: boolean;
  /** Those with a greater number; `'0'` for all. */
  readonly after: string;
  /** The most of them. */
  readonly limit: number;
  /** Whether `payload` and `context` are wanted. */
  readonly payload: boolean;
}

/** What administrators do with an outbox. */
export interface OutboxAdministration {
  /** Rows of `{ channel, waiting, parked, lag }`: how many, and for how many milliseconds the oldest that waits has. */
  counts(): Statement;
  /**
   * Rows of an `OutboxRow` with `last_error`, and `created_at`, `available_at` and `parked_at` (dates or milliseconds since
   * 1970), by their numbers; without the payload `payload` and `context` are `null`.
   */
  list(listing: OutboxListing): Statement;
  /** The same for one message, parked or not. */
  find(channel: string, number: string, payload: boolean): Statement;
  /** Replays the oldest parked ones, at most `limit`. */
  replay(channel: string, limit: number): Statement;
  /** Deletes parked ones. */
  discard(channel: string, numbers: readonly string[]): Statement;
}

/** The outbox and inbox on one engine, as its driver brings them. */
export interface OutboxDialect extends TableDialect {
  /** Statements that add messages, as many at once as it is given. */
  add(messages: readonly NewOutboxRow[]): readonly Statement[];
  /**
   * Takes messages that are due, in their order, so that no other relay takes them; of those with a key only where
   * none before them is taken or waits.
   * @param taken those that the transaction has claimed and not removed yet, which are not to be given again; none where the dialect
   * has `giveBack`
   */
  claim(db: OutboxHandle, channel: string, limit: number, taken?: readonly string[]): Promise<readonly OutboxRow[]>;
  /**
   * Gives messages back. An engine that has it claims by a lease, in no transaction, because one would keep others
   * from writing while messages are handed over; on others the end of the relay's transaction gives them back.
   */
  readonly giveBack?: (ids: readonly string[]) => Statement;
  /** Deletes messages that were delivered. */
  remove(ids: readonly string[]): Statement;
  /** Counts a failure, after which the message is due again in `pause` milliseconds, or parked. */
  fail(id: string, error: string, pause: number, maxAttempts: number): Statement;
  /** Rows of an `OutboxRow` with `last_error` and `parked_at` (a date or milliseconds since 1970), oldest first. */
  parked(channel: string, limit: number): Statement;
  /** Without numbers all. */
  replay(channel: string, numbers: readonly string[] | undefined): Statement;
  /** Those of these ids that wait in a channel, or are parked. */
  present(channel: string, jobIds: readonly string[]): Statement;
  /** Fails for a message that is there. */
  record(consumer: string, messageId: string, result: string): Statement;
  /** Rows of `{ message_id, result }`, of those of these messages that were recorded. */
  recorded(consumer: string, messageIds: readonly string[]): Statement;
  /** Deletes what is older than `age` milliseconds; a part of it, where that is much. */
  forget(age: number): Statement;
  /** What administrators can do; missing where the engine has no such thing. */
  readonly administration?: OutboxAdministration | undefined;
  /** What consumers of a broker have set aside; missing where the engine has no such thing. */
  readonly received?: ReceivedMessages | undefined;
}
