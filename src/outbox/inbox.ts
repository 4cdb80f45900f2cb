import type { Db } from '../database/index.ts';
import { outboxDialect } from './dialects.ts';
import { withTables } from './tables.ts';

/**
 * Notes in the transaction that is open here that a message was handled, and with which result (JSON).
 * Fails with the server's unique violation if it was before, so that its effects are rolled back.
 */
export async function recordInInbox(db: Db, consumer: string, messageId: string, result: string): Promise<void> {
  await withTables(db, () => db.query(outboxDialect(db.dialect).record, [consumer, messageId, result], { last: true }));
}

/** The results of the messages that were handled, by their id. */
export async function findInInbox(
  db: Db,
  consumer: string,
  messageIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { recorded } = outboxDialect(db.dialect);
  const { rows } = await withTables(db, () =>
    db.query<{ message_id: string; result: string }>(recorded, [consumer, messageIds]),
  );
  return new Map(rows.map(({ message_id, result }) => [message_id, result]));
}
