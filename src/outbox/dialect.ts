import type { Db } from '../database/index.ts';
import type { Statement } from '../driver/index.ts';
import type { OutboxRow } from './outbox-row.ts';

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

/** The outbox and inbox on one engine. Adding an engine is adding one of these. */
export interface OutboxDialect {
  /** Creates the tables and indexes where they are missing. */
  readonly create: readonly string[];
  /** Statements that add messages, as many at once as it is given. */
  add(messages: readonly NewOutboxRow[]): readonly Statement[];
  /**
   * Takes messages that are due, in their order, so that no other relay takes them; of those with a key only where
   * none before them is taken or waits.
   */
  claim(db: Db, channel: string, limit: number): Promise<readonly OutboxRow[]>;
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
  /** Whether an error says that a table is missing. */
  isMissingTable(error: unknown): boolean;
}

/** The most rows that one statement adds. */
const rowsAtOnce = 1_000;

/** `insert ... values` for engines that have no arrays. */
export function insertRows(messages: readonly NewOutboxRow[], keyColumn: string): readonly Statement[] {
  const statements: Statement[] = [];
  for (let at = 0; at < messages.length; at += rowsAtOnce) {
    const rows = messages.slice(at, at + rowsAtOnce);
    statements.push({
      text: `insert into sluice_outbox (channel, job_id, queue, ${keyColumn}, payload, context) values ${rows.map(() => '(?, ?, ?, ?, ?, ?)').join(', ')}`,
      values: rows.flatMap(({ channel, jobId, queue, key, payload, context }) => [
        channel,
        jobId,
        queue,
        key,
        payload,
        context,
      ]),
    });
  }
  return statements;
}

/** A placeholder for each value. */
export function placeholders(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}
