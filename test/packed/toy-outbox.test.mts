// An outbox dialect that knows the packed package alone: the SQL of SQLite, with relays that claim by a lease.
import { describe, it } from 'node:test';
import { createDatabase } from 'sluice';
import type { OutboxDialect, OutboxRow } from 'sluice/outbox';
import { sqlite } from 'sluice/sqlite';
import { outboxDialectSuite, register } from 'sluice/testing/conformance';

/** Milliseconds since 1970, by the clock of the database. */
const now = `cast(unixepoch('subsec') * 1000 as integer)`;
/** How long a relay has what it has claimed, in milliseconds. */
const lease = 60_000;
const columns = 'cast(id as text) as id, job_id, queue, key, payload, context, attempts';
const marks = (values: readonly unknown[]): string => values.map(() => '?').join(', ');

const toyOutbox: OutboxDialect = {
  // Makes the tables where they are missing.
  create: [
    `create table if not exists sluice_outbox (
      id integer primary key autoincrement, channel text not null, job_id text not null, queue text not null, key text,
      payload text not null, context text not null, available_at integer not null default (${now}),
      attempts integer not null default 0, last_error text, parked_at integer)`,
    `create table if not exists sluice_inbox (
      consumer text not null, message_id text not null, result text not null, at integer not null default (${now}),
      primary key (consumer, message_id))`,
  ],
  // In the transaction of the program. Split what is too long for one statement.
  add: (messages) =>
    messages.map(({ channel, jobId, queue, key, payload, context }) => ({
      text: 'insert into sluice_outbox (channel, job_id, queue, key, payload, context) values (?, ?, ?, ?, ?, ?)',
      values: [channel, jobId, queue, key, payload, context],
    })),
  // Messages that are due, in their order, to one relay. One with a key waits for those before it with the same queue and key.
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
    return rows.toSorted((one, other) => Number(one.id) - Number(other.id));
  },
  // Of a dialect that claims by a lease. With row locks leave it out: the end of the relay's transaction gives them back.
  giveBack: (ids) => ({
    text: `update sluice_outbox set available_at = ${now} where id in (${marks(ids)}) and parked_at is null`,
    values: ids,
  }),
  remove: (ids) => ({ text: `delete from sluice_outbox where id in (${marks(ids)})`, values: ids }),
  // Counts an attempt. The message is due again after the pause, or parked after the last attempt.
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
  // Parked messages are due again: all of the channel, or those that are named.
  replay(channel, ids) {
    const text = `update sluice_outbox set parked_at = null, attempts = 0, available_at = ${now}
      where channel = ? and parked_at is not null`;
    if (ids === undefined) return { text, values: [channel] };
    return { text: `${text} and id in (${marks(ids)})`, values: [channel, ...ids] };
  },
  present: (channel, jobIds) => ({
    text: `select job_id from sluice_outbox where channel = ? and job_id in (${marks(jobIds)})`,
    values: [channel, ...jobIds],
  }),
  // The inbox. Fails for a message that the consumer has recorded before.
  record: (consumer, messageId, result) => ({
    text: 'insert into sluice_inbox (consumer, message_id, result) values (?, ?, ?)',
    values: [consumer, messageId, result],
  }),
  recorded: (consumer, messageIds) => ({
    text: `select message_id, result from sluice_inbox where consumer = ? and message_id in (${marks(messageIds)})`,
    values: [consumer, ...messageIds],
  }),
  forget: (age) => ({ text: `delete from sluice_inbox where at < ${now} - $1`, values: [age] }),
  // Of the error of a missing table alone.
  isMissingTable: (error) => error instanceof Error && error.message.includes('no such table: sluice_'),
};

const suite = outboxDialectSuite({
  name: 'toy outbox',
  dialect: toyOutbox,
  make: () => createDatabase({ clients: { default: sqlite({ file: ':memory:' }) } }),
});
register(suite, { describe, it });
