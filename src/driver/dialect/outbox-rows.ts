import type { NewOutboxRow, OutboxDialect } from './outbox-dialect.ts';
import type { Statement } from '../statement.ts';

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

/** The same on engines whose statements have a placeholder for each of a list, instead of one for an array. */
export const listStatements: Pick<OutboxDialect, 'present' | 'record' | 'recorded'> = {
  present: (channel, jobIds) => ({
    text: `select job_id from sluice_outbox where channel = ? and job_id in (${placeholders(jobIds)})`,
    values: [channel, ...jobIds],
  }),
  record: (consumer, messageId, result) => ({
    text: 'insert into sluice_inbox (consumer, message_id, result) values (?, ?, ?)',
    values: [consumer, messageId, result],
  }),
  recorded: (consumer, messageIds) => ({
    text: `select message_id, result from sluice_inbox where consumer = ? and message_id in (${placeholders(messageIds)})`,
    values: [consumer, ...messageIds],
  }),
};
