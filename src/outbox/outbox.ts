import { randomUUID } from 'node:crypto';
import { InvalidOptionError, text } from '../core/index.ts';
import type { Db } from '../database/index.ts';
import { outboxDialect } from './dialects.ts';
import type { NewOutboxMessage } from './message.ts';
import { withTables } from './tables.ts';

/**
 * Writes messages into the outbox, in the transaction that is open here: they leave if it commits, and
 * never were if it does not.
 * @throws OutboxMissingError; InvalidOptionError for a payload that is no JSON
 */
export async function addToOutbox(db: Db, messages: readonly NewOutboxMessage[]): Promise<void> {
  if (messages.length === 0) return;
  for (const message of messages) checkMessage(message);
  const rows = messages.map(({ channel, id, queue, key, payload, context }) => ({
    channel,
    jobId: id ?? randomUUID(),
    queue,
    key: key ?? null,
    payload: json(payload),
    context: json(context ?? {}),
  }));
  const statements = outboxDialect(db.dialect).add(rows);
  await withTables(db, async () => {
    const [only, ...more] = statements;
    if (only !== undefined && more.length === 0) await db.query(only.text, only.values);
    else await db.batch(statements);
  });
}

function checkMessage(message: NewOutboxMessage): void {
  for (const name of ['channel', 'id', 'queue', 'key'] as const) {
    const value = message[name];
    const wrong = value === undefined && (name === 'id' || name === 'key') ? undefined : text(500)(value);
    if (wrong !== undefined) {
      throw new InvalidOptionError({
        what: `A message for the outbox has no usable "${name}"`,
        remedy: `Give ${wrong}`,
      });
    }
  }
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value ?? null);
  } catch (cause) {
    throw new InvalidOptionError({
      what: 'A message for the outbox cannot be written as JSON',
      remedy: 'Give plain objects, arrays, text, numbers and booleans',
      cause,
    });
  }
}
