import { randomUUID } from 'node:crypto';
import type { Db } from '../database/index.ts';
import { outboxDialect } from './dialects.ts';
import { checkArguments, readMessages, toJson } from './input.ts';
import type { NewOutboxMessage } from './message.ts';
import { withTables } from './tables.ts';

/**
 * Writes messages into the outbox, in the transaction that is open here: they leave if it commits, and
 * never were if it does not.
 * @throws OutboxMissingError; InvalidOptionError for a message that cannot be, before anything is sent
 */
export async function addToOutbox(db: Db, messages: readonly NewOutboxMessage[]): Promise<void> {
  checkArguments('addToOutbox', db, {});
  const read = readMessages(messages);
  if (read.length === 0) return;
  const rows = read.map(({ channel, id, queue, key, payload, context }) => ({
    channel,
    jobId: id ?? randomUUID(),
    queue,
    key: key ?? null,
    payload: toJson(payload),
    context: toJson(context ?? {}),
  }));
  const statements = outboxDialect(db.dialect).add(rows);
  await withTables(db, async () => {
    const [only, ...more] = statements;
    if (only !== undefined && more.length === 0) await db.query(only.text, only.values);
    else await db.batch(statements);
  });
}
