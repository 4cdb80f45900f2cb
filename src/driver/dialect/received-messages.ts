import type { Statement } from '../statement.ts';

/** A message to set aside. */
export interface NewReceivedRow {
  /** Where it came. */
  readonly topic: string;
  /** Whose it is. */
  readonly consumer: string;
  /** As it came; `null` for one without. */
  readonly messageId: string | null;
  /** As it came. */
  readonly key: string | null;
  /** JSON. */
  readonly headers: string;
  /** In base64; `null` for one that is too large to be kept. */
  readonly body: string | null;
  /** Why, in a word. */
  readonly reason: string;
  /** What went wrong. */
  readonly error: string;
  /** How often its handler has failed. */
  readonly attempts: number;
}

/** Which messages are listed. */
export interface ReceivedListing {
  /** Where they came. */
  readonly topic: string;
  /** Whose they are. */
  readonly consumer: string;
  /** Those with a greater number; `'0'` for all. */
  readonly after: string;
  /** The most of them. */
  readonly limit: number;
}

/**
 * Messages that were received from a broker and set aside (the table `sluice_parked_message`), and how often handlers were started
 * whose processes may have been killed by them (`sluice_started_message`), on one engine.
 */
export interface ReceivedMessages {
  /** Adds one. */
  park(row: NewReceivedRow): Statement;
  /**
   * Rows of `{ id, message_id, message_key, headers, body, reason, error, attempts, parked_at, due }` by their numbers; `id` is the
   * number as text, `parked_at` a date or milliseconds since 1970, `due` 1 for one that is to be handled again.
   */
  list(listing: ReceivedListing): Statement;
  /** Rows of `{ topic, consumer, parked, due }`: how many there are, and how many of them are to be handled again; of all of them, or of the oldest `limit`. */
  counts(limit?: number): Statement;
  /** Lets those with a body be handled again. Without numbers all. */
  replay(topic: string, consumer: string, numbers: readonly string[] | undefined): Statement;
  /** Deletes them. */
  discard(topic: string, consumer: string, numbers: readonly string[]): Statement;
  /** The oldest that is to be handled again, as a row of `list`; locked, and without those that others have locked. */
  due(topic: string, consumer: string): Statement;
  /** Deletes one that was handled. */
  remove(id: string): Statement;
  /** Counts an attempt of one that is to be handled again, and is not from now on, with what is to be said if its process ends. */
  take(id: string, error: string): Statement;
  /** Says why that attempt has failed. */
  fail(id: string, error: string): Statement;
  /** A row of `{ starts }`, or none. */
  starts(consumer: string, messageId: string): Statement;
  /** Counts a start of the message's handler. */
  start(consumer: string, messageId: string): Statement;
  /** Takes one back, of a handler that has ended. */
  ended(consumer: string, messageId: string): Statement;
  /** Deletes counts that are older than `age` milliseconds. */
  forgetStarts(age: number): Statement;
}

/** How an engine writes it. */
export interface ReceivedMessagesSql {
  /** The type of numbers, for `cast`. */
  readonly number: string;
  /** The type of text, for `cast`. */
  readonly text: string;
  /** The time of the server. */
  readonly now: string;
  /** A time as a date, or as milliseconds since 1970. */
  readonly time: (column: string) => string;
  /** Inserts a row of the consumer `$1` and the message `$2` into `sluice_started_message`, or adds one to its `starts`. */
  readonly start: string;
  /** Whether the column `at` is more than `$1` milliseconds ago. */
  readonly isOld: string;
  /** Selects the columns of the oldest that is due, of the topic `$1` and the consumer `$2`, and locks it. */
  readonly due: (columns: string) => string;
}

/** Messages in `sluice_parked_message`, as the tables of all own engines are. */
export function receivedMessages(sql: ReceivedMessagesSql): ReceivedMessages {
  const { number, text, now, time, due, start, isOld } = sql;
  const columns = `cast(id as ${text}) as id, message_id, message_key, headers, body, reason, error, attempts,
    ${time('parked_at')} as parked_at, case when due_at is null then 0 else 1 end as due`;
  const ids = (numbers: readonly string[], first: number): string =>
    numbers.length === 0 ? 'null' : numbers.map((_, at) => `cast($${at + first} as ${number})`).join(', ');
  const mine = 'topic = $1 and consumer = $2';
  return {
    park: ({ topic, consumer, messageId, key, headers, body, reason, error, attempts }) => ({
      text: `insert into sluice_parked_message
          (topic, consumer, message_id, message_key, headers, body, reason, error, attempts)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      values: [topic, consumer, messageId, key, headers, body, reason, error, attempts],
    }),
    list: ({ topic, consumer, after, limit }) => ({
      text: `select ${columns} from sluice_parked_message
        where ${mine} and id > cast($3 as ${number}) order by sluice_parked_message.id limit $4`,
      values: [topic, consumer, after, limit],
    }),
    counts: (limit) => ({
      text: `select topic, consumer, count(*) as parked, count(due_at) as due
        from (select topic, consumer, due_at from sluice_parked_message
          ${limit === undefined ? '' : 'order by sluice_parked_message.id limit $1'}) messages
        group by topic, consumer order by topic, consumer`,
      values: limit === undefined ? [] : [limit],
    }),
    replay: (topic, consumer, numbers) => ({
      text: `update sluice_parked_message set due_at = ${now}, attempts = 0 where ${mine} and body is not null
        and due_at is null${numbers === undefined ? '' : ` and id in (${ids(numbers, 3)})`}`,
      values: [topic, consumer, ...(numbers ?? [])],
    }),
    discard: (topic, consumer, numbers) => ({
      text: `delete from sluice_parked_message where ${mine} and id in (${ids(numbers, 3)})`,
      values: [topic, consumer, ...numbers],
    }),
    due: (topic, consumer) => ({ text: due(columns), values: [topic, consumer] }),
    remove: (id) => ({ text: `delete from sluice_parked_message where id = cast($1 as ${number})`, values: [id] }),
    take: (id, error) => ({
      text: `update sluice_parked_message set due_at = null, attempts = attempts + 1, error = $2
        where id = cast($1 as ${number}) and due_at is not null`,
      values: [id, error],
    }),
    fail: (id, error) => ({
      text: `update sluice_parked_message set error = $2 where id = cast($1 as ${number})`,
      values: [id, error],
    }),
    starts: (consumer, messageId) => ({
      text: 'select starts from sluice_started_message where consumer = $1 and message_id = $2',
      values: [consumer, messageId],
    }),
    start: (consumer, messageId) => ({ text: start, values: [consumer, messageId] }),
    ended: (consumer, messageId) => ({
      text: `update sluice_started_message set starts = starts - 1
        where consumer = $1 and message_id = $2 and starts > 0`,
      values: [consumer, messageId],
    }),
    forgetStarts: (age) => ({ text: `delete from sluice_started_message where ${isOld}`, values: [age] }),
  };
}
