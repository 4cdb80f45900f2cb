import type { Db } from '../database/index.ts';
import type { OutboxRow } from '../driver/index.ts';
import { outboxOf } from './dialects.ts';
import { checkArguments } from './input.ts';
import type { OutboxMessage } from './message.ts';
import { readRow } from './outbox-row.ts';
import { withTables } from './tables.ts';

/** A message whose delivery has failed too often. */
export interface ParkedMessage extends OutboxMessage {
  /** Names it for `replayParked`. */
  readonly number: string;
  /** The message of the last failed delivery's error. */
  readonly lastError: string;
  /** When the message was parked. */
  readonly parkedAt: Date;
}

/**
 * The messages of a channel that were set aside, oldest first; at most `limit`.
 *
 * ```ts
 * for (const { number, lastError } of await parkedMessages(db, 'mail')) console.log(number, lastError);
 * ```
 */
export async function parkedMessages(db: Db, channel: string, limit = 100): Promise<readonly ParkedMessage[]> {
  checkArguments('parkedMessages', db, { channel, limit });
  const { text, values } = outboxOf(db).parked(channel, limit);
  type Row = OutboxRow & { last_error: string; parked_at: Date | number };
  const { rows } = await withTables(db, () => db.query<Row>(text, values));
  return rows.map((row) => ({
    ...readRow(row),
    number: row.id,
    lastError: row.last_error,
    parkedAt: new Date(row.parked_at),
  }));
}

/**
 * Puts parked messages back into the line: those named, or all.
 *
 * ```ts
 * const parked = await parkedMessages(db, 'mail');
 * await replayParked(db, 'mail', parked.map(({ number }) => number));
 * ```
 * @returns how many
 */
export async function replayParked(db: Db, channel: string, numbers?: readonly string[]): Promise<number> {
  checkArguments('replayParked', db, numbers === undefined ? { channel } : { channel, numbers });
  const { text, values } = outboxOf(db).replay(channel, numbers);
  const { rowCount } = await withTables(db, () => db.query(text, values));
  return rowCount;
}
