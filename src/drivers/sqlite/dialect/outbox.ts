import { describeThrown } from '../../../core/index.ts';
import {
  insertRows,
  listStatements,
  outboxAdministration,
  type OutboxDialect,
  type OutboxRow,
  placeholders,
  receivedMessages,
} from '../../../driver/index.ts';

/** Milliseconds since 1970. */
const now = `cast(unixepoch('subsec') * 1000 as integer)`;
const columns = 'cast(id as text) as id, job_id, queue, key, payload, context, attempts';
/** How long a relay has what it has claimed, in milliseconds. */
const lease = 60_000;

export const sqliteOutbox: OutboxDialect = {
  create: [
    `create table if not exists sluice_outbox (
  id integer primary key autoincrement,
  channel text not null,
  job_id text not null,
  queue text not null,
  key text,
  payload text not null,
  context text not null,
  available_at integer not null default (${now}),
  attempts integer not null default 0,
  last_error text,
  parked_at integer,
  created_at integer not null default (${now})
)`,
    `create index if not exists sluice_outbox_waiting on sluice_outbox (channel, id) where parked_at is null`,
    `create index if not exists sluice_outbox_keys on sluice_outbox (channel, queue, key, id) where parked_at is null and key is not null`,
    `create table if not exists sluice_inbox (
  consumer text not null,
  message_id text not null,
  result text not null,
  at integer not null default (${now}),
  primary key (consumer, message_id)
)`,
    `create index if not exists sluice_inbox_at on sluice_inbox (at)`,
    `create table if not exists sluice_started_message (
  consumer text not null,
  message_id text not null,
  starts integer not null,
  at integer not null default (${now}),
  primary key (consumer, message_id)
)`,
    `create table if not exists sluice_parked_message (
  id integer primary key autoincrement,
  topic text not null,
  consumer text not null,
  message_id text,
  message_key text,
  headers text not null,
  body text,
  reason text not null,
  error text not null,
  attempts integer not null,
  due_at integer,
  parked_at integer not null default (${now})
)`,
    `create index if not exists sluice_parked_message_consumer on sluice_parked_message (topic, consumer, id)`,
  ],
  add: (messages) => insertRows(messages, 'key'),
  // What is claimed is due again when the lease is over, and until then keeps those of its key back.
  async claim(db, channel, limit) {
    const { rows } = await db.query<OutboxRow>(
      `update sluice_outbox set available_at = ${now} + ${lease} where id in (
        select id from sluice_outbox message where channel = $1 and parked_at is null and available_at <= ${now}
          and (key is null or not exists (select 1 from sluice_outbox earlier
            where earlier.channel = $1 and earlier.queue = message.queue and earlier.key = message.key
              and earlier.id < message.id and earlier.parked_at is null and earlier.available_at > ${now}))
        order by id limit $2) returning ${columns}`,
      [channel, limit],
    );
    // RETURNING has no order.
    return rows.toSorted((one, other) => Number(one.id) - Number(other.id));
  },
  giveBack: (ids) => ({
    text: `update sluice_outbox set available_at = ${now} where id in (${placeholders(ids)}) and parked_at is null`,
    values: ids,
  }),
  remove: (ids) => ({ text: `delete from sluice_outbox where id in (${placeholders(ids)})`, values: ids }),
  fail: (id, error, pause, maxAttempts) => ({
    text: `update sluice_outbox set attempts = attempts + 1, last_error = $2, available_at = ${now} + $3,
      parked_at = case when attempts + 1 >= $4 then ${now} end where id = $1`,
    values: [id, error, pause, maxAttempts],
  }),
  parked: (channel, limit) => ({
    text: `select ${columns}, last_error, parked_at from sluice_outbox
    where channel = $1 and parked_at is not null order by sluice_outbox.id limit $2`,
    values: [channel, limit],
  }),
  replay(channel, numbers) {
    const text = `update sluice_outbox set parked_at = null, attempts = 0, available_at = ${now} where channel = ? and parked_at is not null`;
    if (numbers === undefined) return { text, values: [channel] };
    return { text: `${text} and id in (${placeholders(numbers)})`, values: [channel, ...numbers] };
  },
  ...listStatements,
  forget: (age) => ({
    text: `delete from sluice_inbox where rowid in (select rowid from sluice_inbox where at < ${now} - $1 limit 10000)`,
    values: [age],
  }),
  administration: outboxAdministration({
    key: 'key',
    number: 'integer',
    text: 'text',
    time: (column) => column,
    age: (time) => `${now} - ${time}`,
    replay: `update sluice_outbox set parked_at = null, attempts = 0, available_at = ${now} where id in (
      select id from sluice_outbox where channel = $1 and parked_at is not null order by id limit $2)`,
  }),
  received: receivedMessages({
    number: 'integer',
    text: 'text',
    now,
    time: (column) => column,
    start: `insert into sluice_started_message (consumer, message_id, starts) values ($1, $2, 1)
      on conflict (consumer, message_id) do update set starts = sluice_started_message.starts + 1, at = ${now}`,
    isOld: `at < ${now} - $1`,
    // A write first: a transaction that has read may not be let to write.
    due: (columns) => `update sluice_parked_message set due_at = due_at where id = (
        select id from sluice_parked_message where topic = $1 and consumer = $2 and due_at is not null
        order by sluice_parked_message.id limit 1) returning ${columns}`,
  }),
  isMissingTable: (error) =>
    /no such table: sluice_|no such column: |table sluice_\w+ has no column named /.test(describeThrown(error).message),
};
