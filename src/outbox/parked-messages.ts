import { type Check, integer, reading, readOptions } from '../core/index.ts';
import type { Db } from '../database/index.ts';
import type { OutboxRow } from '../driver/index.ts';
import { administrationOf } from './administration.ts';
import { outboxOf } from './dialects.ts';
import { checkArguments } from './input.ts';
import type { OutboxMessage } from './message.ts';
import { readRow } from './outbox-row.ts';
import { queryTables } from './tables.ts';

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
  const asked = outboxOf(db).parked(channel, limit);
  type Row = OutboxRow & { last_error: string; parked_at: Date | number };
  const { rows } = await queryTables<Row>(db, asked);
  return rows.map((row) => ({
    ...readRow(row),
    number: row.id,
    lastError: row.last_error,
    parkedAt: new Date(row.parked_at),
  }));
}

/** Options of `replayParked`. */
export interface ReplayOptions {
  /** The most messages, of all that are parked: the oldest. Default: all. */
  readonly limit?: number | undefined;
}

const replayChecks: Record<keyof ReplayOptions, Check> = { limit: integer(1, 100_000) };

/**
 * Puts parked messages back into the line, with all of their attempts: those named, or all, or the oldest of them. Called
 * again it changes nothing more.
 *
 * ```ts
 * const parked = await parkedMessages(db, 'mail');
 * await replayParked(db, 'mail', parked.map(({ number }) => number));
 * await replayParked(db, 'mail', { limit: 1_000 });
 * ```
 * @returns how many
 */
export async function replayParked(
  db: Db,
  channel: string,
  which: readonly string[] | ReplayOptions = {},
): Promise<number> {
  const numbers = isNumbers(which) ? which : undefined;
  checkArguments('replayParked', db, numbers === undefined ? { channel } : { channel, numbers });
  const limit = isNumbers(which) ? undefined : readOptions('replayParked', which, replayChecks).limit;
  const asked =
    limit === undefined ? outboxOf(db).replay(channel, numbers) : administrationOf(db).replay(channel, limit);
  const { rowCount } = await queryTables(db, asked);
  return rowCount;
}

function isNumbers(which: readonly string[] | ReplayOptions): which is readonly string[] {
  return reading('replayParked', () => Array.isArray(which));
}
