import { type Check, integer, readOptions } from '../core/index.ts';
import type { Db } from '../database/index.ts';
import { queryTables } from './tables.ts';
import {
  discardReceivedBy,
  listReceivedBy,
  receivedOf,
  type ReceivedParkedOptions,
  type ReceivedParkedPage,
  type ReceivedSelection,
  replayReceivedBy,
  type Topic,
} from './topics/index.ts';

/** How many messages of a topic a group has set aside. */
export interface ReceivedCounts {
  /** The name of the topic. */
  readonly topic: string;
  /** Who has set them aside. */
  readonly group: string;
  /** How many there are. */
  readonly parked: number;
  /** How many of them are to be handled again. */
  readonly due: number;
  /** Whether there may be more: counting has stopped at the `limit`. */
  readonly hasMore: boolean;
}

/** Options of `receivedCounts`. */
export interface ReceivedCountsOptions {
  /** The most messages that are counted, of all groups together: the oldest. Default: all. */
  readonly limit?: number | undefined;
}

const countsChecks: Record<keyof ReceivedCountsOptions, Check> = { limit: integer(1, 100_000_000) };

/**
 * How many messages that were received from a broker are set aside, by topic and group.
 *
 * ```ts
 * for (const { topic, group, parked } of await receivedCounts(database.current)) console.log(topic, group, parked);
 * ```
 * @param db a handle on the client of the outbox
 * @throws OutboxMissingError; InvalidOptionError
 */
export async function receivedCounts(db: Db, options: ReceivedCountsOptions = {}): Promise<readonly ReceivedCounts[]> {
  const sql = receivedOf(db);
  const { limit } = readOptions('receivedCounts', options, countsChecks);
  // One more, which tells whether there are more.
  const { rows } = await queryTables(db, sql.counts(limit === undefined ? undefined : limit + 1));
  const total = rows.reduce((sum, { parked }) => sum + Number(parked), 0);
  const hasMore = limit !== undefined && total > limit;
  return rows.map(({ topic, consumer, parked, due }) => ({
    topic: String(topic),
    group: String(consumer),
    parked: Number(parked),
    due: Number(due),
    hasMore,
  }));
}

/**
 * Messages of a topic that a group has set aside, oldest first: the same as `outbox.parked`, in a program without the broker.
 *
 * ```ts
 * const { messages } = await listReceived(database.current, 'orders', { group: 'stock', limit: 20 });
 * for (const { number, reason, error } of messages) console.log(number, reason, error);
 * ```
 * @param db a handle on the client of the outbox
 * @param topic its name, or what `defineTopic` returned
 * @throws OutboxMissingError; InvalidOptionError
 */
export async function listReceived(
  db: Db,
  topic: Topic | string,
  options: ReceivedParkedOptions,
): Promise<ReceivedParkedPage> {
  return await listReceivedBy('listReceived', db, topic, options);
}

/**
 * Lets messages that were set aside be handled again, those named or all, by any process of the group: the same as
 * `outbox.replay`, in a program without the broker.
 *
 * ```ts
 * await replayReceived(database.current, 'orders', { group: 'stock', numbers: ['17'] });
 * ```
 * @param db a handle on the client of the outbox
 * @param topic its name, or what `defineTopic` returned
 * @returns how many
 * @throws OutboxMissingError; InvalidOptionError
 */
export async function replayReceived(db: Db, topic: Topic | string, selection: ReceivedSelection): Promise<number> {
  return await replayReceivedBy('replayReceived', db, topic, selection);
}

/**
 * Deletes messages that were set aside for good.
 *
 * ```ts
 * await discardReceived(database.current, 'orders', { group: 'stock', numbers: ['18'] });
 * ```
 * @param db a handle on the client of the outbox
 * @param topic its name, or what `defineTopic` returned
 * @returns how many
 * @throws OutboxMissingError; InvalidOptionError
 */
export async function discardReceived(
  db: Db,
  topic: Topic | string,
  selection: ReceivedSelection & { readonly numbers: readonly string[] },
): Promise<number> {
  return await discardReceivedBy('discardReceived', db, topic, selection);
}
