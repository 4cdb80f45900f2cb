import type { NewOutboxRow } from './outbox-dialect.ts';
import type { Statement } from './statement.ts';

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
