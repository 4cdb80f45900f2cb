import type { Db } from '../database/index.ts';
import { outboxOf } from './dialects.ts';
import { checkArguments } from './input.ts';
import { withTables } from './tables.ts';

/**
 * Notes in the transaction that is open here that a message was handled, and with which result (JSON).
 * Fails with the server's unique violation if it was before, so that its effects are rolled back.
 *
 * ```ts
 * await database.transaction(async () => {
 *   await checkout(id);
 *   await recordInInbox(db, 'orders', message.id, JSON.stringify({ id }));
 * });
 * ```
 */
export async function recordInInbox(db: Db, consumer: string, messageId: string, result: string): Promise<void> {
  checkArguments('recordInInbox', db, { consumer, messageId, result });
  const { text, values } = outboxOf(db).record(consumer, messageId, result);
  await withTables(db, () => db.query(text, values, { last: true }));
}

/**
 * The results of the messages that were handled, by their id.
 *
 * ```ts
 * const results = await findInInbox(db, 'mail', [message.id]);
 * if (!results.has(message.id)) await checkout(id);
 * ```
 */
export async function findInInbox(
  db: Db,
  consumer: string,
  messageIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  checkArguments('findInInbox', db, { consumer, messageIds });
  if (messageIds.length === 0) return new Map();
  const { text, values } = outboxOf(db).recorded(consumer, messageIds);
  const { rows } = await withTables(db, () => db.query<{ message_id: string; result: string }>(text, values));
  return new Map(rows.map(({ message_id, result }) => [message_id, result]));
}
