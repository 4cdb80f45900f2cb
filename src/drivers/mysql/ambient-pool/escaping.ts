import mysql, { type ConnectionOptions } from 'mysql2';

/** What mysql2 says that it writes; it writes anything. */
type Value = Parameters<typeof mysql.escape>[0];

/** How values are written into a text, as a pool of mysql2 and its connections do. */
export interface Escaping {
  format(sql: string, values?: unknown): string;
  escape(value: unknown): string;
  escapeId(value: string | string[]): string;
}

/** Dates are written in the time zone of the client. */
export function format({ timezone }: ConnectionOptions, sql: string, values: unknown): string {
  return mysql.format(sql, values as Value[], false, timezone);
}

export function escape({ timezone }: ConnectionOptions, value: unknown): string {
  return mysql.escape(value as Value, false, timezone);
}
