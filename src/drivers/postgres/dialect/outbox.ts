import {
  outboxAdministration,
  type OutboxDialect,
  type OutboxRow,
  receivedMessages,
  statement,
} from '../../../driver/index.ts';
import { ownTables } from './own-tables.ts';

/** Keys are taken by one relay at a time, which an advisory lock decides; its first number is ours, "sluo". */
const lockClass = 0x73_6c_75_6f;
const lockKeys = `select pg_try_advisory_xact_lock(${lockClass}, hashtext($1))`;
// `id > 0` is what the index of those that wait says: so the rows before one of the same key, of which it is not asked, are looked
// for in that of keys alone. Without statistics both seem to cost the same, and the other one leads to all that wait before.
// Whether the lock was got is asked of the server again, because the claim has to see what the previous
// holder has committed: a snapshot that is older than the lock would not.
const claim = `select id::text, job_id, queue, key, payload, context, attempts from sluice_outbox message
    where channel = $1 and parked_at is null and id > 0 and available_at <= now() and (key is null or (
      exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted
        and classid = ${lockClass} and objid = (hashtext($1)::bigint & 4294967295)::oid and objsubid = 2)
      and not exists (select from sluice_outbox earlier
        where earlier.channel = $1 and earlier.queue = message.queue and earlier.key = message.key
          and earlier.id < message.id and earlier.parked_at is null and earlier.available_at > now())))
    and id <> all($3::bigint[]) order by message.id limit $2 for update skip locked`;

export const postgresOutbox: OutboxDialect = {
  create: [
    `create table if not exists sluice_outbox (
  id bigint generated always as identity primary key,
  channel text not null,
  job_id text not null,
  queue text not null,
  key text,
  payload text not null,
  context text not null,
  available_at timestamptz not null default now(),
  attempts int not null default 0,
  last_error text,
  parked_at timestamptz,
  created_at timestamptz not null default now()
)`,
    `drop index if exists sluice_outbox_waiting`,
    `create index if not exists sluice_outbox_claim on sluice_outbox (channel, id) where parked_at is null and id > 0`,
    `create index if not exists sluice_outbox_keys on sluice_outbox (channel, queue, key, id) where parked_at is null and key is not null`,
    `create table if not exists sluice_inbox (
  consumer text not null,
  message_id text not null,
  result text not null,
  at timestamptz not null default now(),
  primary key (consumer, message_id)
)`,
    `create index if not exists sluice_inbox_at on sluice_inbox (at)`,
    `create table if not exists sluice_started_message (
  consumer text not null,
  message_id text not null,
  starts int not null,
  at timestamptz not null default now(),
  primary key (consumer, message_id)
)`,
    `create table if not exists sluice_parked_message (
  id bigint generated always as identity primary key,
  topic text not null,
  consumer text not null,
  message_id text,
  message_key text,
  headers text not null,
  body text,
  reason text not null,
  error text not null,
  attempts int not null,
  due_at timestamptz,
  parked_at timestamptz not null default now()
)`,
    `create index if not exists sluice_parked_message_consumer on sluice_parked_message (topic, consumer, id)`,
  ],
  add(messages) {
    const text = `insert into sluice_outbox (channel, job_id, queue, key, payload, context)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])`;
    const columns = ['channel', 'jobId', 'queue', 'key', 'payload', 'context'] as const;
    return [{ text, values: columns.map((name) => messages.map((message) => message[name])) }];
  },
  async claim(db, channel, limit, taken = []) {
    const [, claimed] = await db.transaction.batch([
      statement(lockKeys, [channel]),
      statement(claim, [channel, limit, taken]),
    ]);
    return (claimed?.rows ?? []) as unknown as readonly OutboxRow[];
  },
  remove: (ids) => ({ text: `delete from sluice_outbox where id = any($1::bigint[])`, values: [ids] }),
  fail: (id, error, pause, maxAttempts) => ({
    text: `update sluice_outbox set attempts = attempts + 1, last_error = $2,
      available_at = now() + $3 * interval '1 millisecond',
      parked_at = case when attempts + 1 >= $4 then now() end
    where id = $1`,
    values: [id, error, pause, maxAttempts],
  }),
  parked: (channel, limit) => ({
    text: `select id::text, job_id, queue, key, payload, context, attempts, last_error, parked_at from sluice_outbox
    where channel = $1 and parked_at is not null order by sluice_outbox.id limit $2`,
    values: [channel, limit],
  }),
  replay: (channel, numbers) => ({
    text: `update sluice_outbox set parked_at = null, attempts = 0, available_at = now()
    where channel = $1 and parked_at is not null and ($2::bigint[] is null or id = any($2::bigint[]))`,
    values: [channel, numbers ?? null],
  }),
  present: (channel, jobIds) => ({
    text: `select job_id from sluice_outbox where channel = $1 and job_id = any($2::text[])`,
    values: [channel, jobIds],
  }),
  record: (consumer, messageId, result) => ({
    text: `insert into sluice_inbox (consumer, message_id, result) values ($1, $2, $3)`,
    values: [consumer, messageId, result],
  }),
  recorded: (consumer, messageIds) => ({
    text: `select message_id, result from sluice_inbox where consumer = $1 and message_id = any($2::text[])`,
    values: [consumer, messageIds],
  }),
  forget: (age) => ({
    text: `delete from sluice_inbox where (consumer, message_id) in
    (select consumer, message_id from sluice_inbox where at < now() - $1 * interval '1 millisecond' limit 10000)`,
    values: [age],
  }),
  administration: outboxAdministration({
    key: 'key',
    number: 'bigint',
    text: 'text',
    time: (column) => `(extract(epoch from ${column}) * 1000)::bigint`,
    age: (time) => `(extract(epoch from clock_timestamp() - ${time}) * 1000)::bigint`,
    replay: `update sluice_outbox set parked_at = null, attempts = 0, available_at = now() where id in (
      select id from sluice_outbox where channel = $1 and parked_at is not null
      order by sluice_outbox.id limit $2 for update skip locked)`,
  }),
  received: receivedMessages({
    number: 'bigint',
    text: 'text',
    now: 'now()',
    time: (column) => `(extract(epoch from ${column}) * 1000)::bigint`,
    start: `insert into sluice_started_message (consumer, message_id, starts) values ($1, $2, 1)
      on conflict (consumer, message_id) do update set starts = sluice_started_message.starts + 1, at = now()`,
    isOld: `at < now() - $1 * interval '1 millisecond'`,
    due: (columns) => `select ${columns} from sluice_parked_message where topic = $1 and consumer = $2
      and due_at is not null order by sluice_parked_message.id limit 1 for update skip locked`,
  }),
  ...ownTables,
};
