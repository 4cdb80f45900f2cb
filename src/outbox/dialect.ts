/** The SQL of the outbox and inbox on one engine. Adding an engine is adding one of these. */
export interface OutboxDialect {
  /** Creates the tables and indexes where they are missing. */
  readonly create: readonly string[];
  /** channel, job_id, queue, key, payload, context: one array each. */
  readonly add: string;
  /** Makes this transaction the one that may take messages with a key. Values: channel. */
  readonly lockKeys: string;
  /** Values: channel, limit. Locks what it returns, and leaves out what others have locked. */
  readonly claim: string;
  /** Values: ids. */
  readonly remove: string;
  /** Values: id, error, milliseconds until the next attempt, the most attempts. */
  readonly fail: string;
  /** Values: channel, limit. */
  readonly parked: string;
  /** Values: channel, ids or null for all. */
  readonly replay: string;
  /** Values: consumer, message_id, result. Fails for a message that is there. */
  readonly record: string;
  /** Values: consumer, message_ids. */
  readonly recorded: string;
  /** Values: age in milliseconds. */
  readonly forget: string;
  /** Whether an error says that a table is missing. */
  isMissingTable(error: unknown): boolean;
}
