import { randomUUID } from 'node:crypto';
import { sleep, SluiceError, systemClock } from '../core/index.ts';
import type { Db } from '../database/index.ts';
import { ambientContext } from '../tables/index.ts';
import { outboxOf } from './dialects.ts';
import { OutboxUnknownError } from './errors.ts';
import { checkArguments, readMessages } from './input.ts';
import type { NewOutboxMessage } from './message.ts';
import { jsonOf } from '../payload/index.ts';
import { withTables } from './tables.ts';
import { type NewOutboxRow, statement } from '../driver/index.ts';

/** How often messages are written of which it is not known if they are there, and the pause before that, in milliseconds. */
const mostAttempts = 3;
const pause = 100;

/**
 * Writes messages into the outbox, in the transaction that is open here: they leave if it commits, and
 * never were if it does not. What `withContext` has given goes along. Outside of a transaction an answer that is lost is asked
 * for again: messages that are not there are written again, under the same ids.
 *
 * ```ts
 * await database.transaction(async () => {
 *   await checkout(id);
 *   await addToOutbox(db, [{ channel: 'mail', queue: 'orders', key: String(id), payload: { id } }]);
 * });
 * ```
 * @throws OutboxMissingError; InvalidOptionError for a message that cannot be, and UnserializableError for one that is no JSON, before
 * anything is sent; outside of a transaction OutboxUnknownError, with the ids
 */
export async function addToOutbox(db: Db, messages: readonly NewOutboxMessage[]): Promise<void> {
  checkArguments('addToOutbox', db, {});
  const read = readMessages(messages);
  if (read.length === 0) return;
  const ambient = ambientContext();
  const rows = read.map(({ channel, id, queue, key, payload, context }) => ({
    channel,
    jobId: id ?? randomUUID(),
    queue,
    key: key ?? null,
    payload: jsonOf('The payload of a message for the outbox', payload ?? null) ?? 'null',
    context: jsonOf('The context of a message for the outbox', { ...ambient, ...context }, { names: 'any' }) ?? '{}',
  }));
  if (db.inTransaction) await write(db, rows);
  else await writeAlone(db, rows);
}

async function write(db: Db, rows: readonly NewOutboxRow[]): Promise<void> {
  const statements = outboxOf(db).add(rows);
  await withTables(db, async () => {
    const [only, ...more] = statements;
    if (only !== undefined && more.length === 0) await db.query(only.text, only.values);
    else await db.batch(statements.map(({ text, values }) => statement(text, values)));
  });
}

async function writeAlone(db: Db, rows: readonly NewOutboxRow[]): Promise<void> {
  let missing = rows;
  for (let attempt = 1; missing.length > 0; attempt += 1) {
    try {
      // What was lost with its connection may have been written all the same.
      if (attempt > 1) missing = await absent(db, missing);
      if (missing.length > 0) await write(db, missing);
      return;
    } catch (error) {
      if (!isLost(error) && attempt === 1) throw error;
      if (attempt === mostAttempts) throw unknown(db, rows, error);
      await sleep(systemClock, pause * attempt);
    }
  }
}

/** Those that are not in the table. One that was delivered since is missing too: receivers recognize a duplicate by its id. */
async function absent(db: Db, rows: readonly NewOutboxRow[]): Promise<readonly NewOutboxRow[]> {
  const present = new Set<string>();
  for (const [channel, group] of Map.groupBy(rows, (row) => row.channel)) {
    const { text, values } = outboxOf(db).present(
      channel,
      group.map(({ jobId }) => jobId),
    );
    const { rows: found } = await db.query<{ job_id: string }>(text, values);
    for (const { job_id } of found) present.add(job_id);
  }
  return rows.filter(({ jobId }) => !present.has(jobId));
}

function isLost(error: unknown): boolean {
  return error instanceof SluiceError && (error.code === 'CONNECTION_LOST' || error.code === 'COMMIT_UNKNOWN');
}

function unknown(db: Db, rows: readonly NewOutboxRow[], cause: unknown): OutboxUnknownError {
  return new OutboxUnknownError({
    what: `It is not known whether ${rows.length} messages are in the outbox: the connection was lost before the answer, repeatedly`,
    remedy: 'Add them again with the ids of this error, or add messages inside a transaction',
    cause,
    at: { clientName: db.clientName, level: db.level },
    ids: rows.map(({ jobId }) => jobId),
  });
}
