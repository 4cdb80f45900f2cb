import { fieldOf } from '../../../core/index.ts';
import {
  insertRows,
  listStatements,
  outboxAdministration,
  type OutboxDialect,
  type OutboxRow,
  placeholders,
  receivedMessages,
} from '../../../driver/index.ts';
import { tableOptions } from './table-options.ts';

const columns = 'cast(id as char) as id, job_id, queue, `key`, payload, context, attempts';
/** Keys are taken by one relay at a time: the one that holds the row of its channel. */
const lockKeys = 'select channel from sluice_relay where channel = ? for update skip locked';
const due = `channel = ? and parked_at is null and available_at <= now(3)`;
const claimKeyless = (taken: string): string =>
  `select ${columns} from sluice_outbox where ${due} and \`key\` is null and id not in (${taken})
    order by sluice_outbox.id limit ? for update skip locked`;
// Not locked: who holds the keys of the channel is alone with these. A locking read would wait for producers, and one that
// skips what is locked would skip rows that others lock only while they look at them, and so break the order. The index is said,
// since statistics of a table that was empty lead to all that wait before.
const claimKeyed = (
  taken: string,
): string => `select ${columns.replaceAll('id as', 'message.id as')} from sluice_outbox message where ${due}
    and \`key\` is not null and not exists (select 1 from sluice_outbox earlier force index (sluice_outbox_keys)
      where earlier.channel = message.channel and earlier.queue = message.queue and earlier.\`key\` = message.\`key\`
        and earlier.id < message.id and earlier.parked_at is null and earlier.available_at > now(3))
    and message.id not in (${taken}) order by message.id limit ?`;

export const mysqlOutbox: OutboxDialect = {
  create: [
    `create table if not exists sluice_outbox (
  id bigint not null auto_increment primary key,
  channel varchar(500) not null,
  job_id varchar(500) not null,
  queue varchar(500) not null,
  \`key\` varchar(500),
  payload longtext not null,
  context longtext not null,
  available_at timestamp(3) not null default current_timestamp(3),
  attempts int not null default 0,
  last_error text,
  parked_at timestamp(3) null default null,
  created_at timestamp(3) not null default current_timestamp(3),
  key sluice_outbox_waiting (channel(100), parked_at, id),
  key sluice_outbox_keys (channel(100), queue(100), \`key\`(500), id)
) ${tableOptions}`,
    `create table if not exists sluice_relay (channel varchar(500) not null primary key) ${tableOptions}`,
    `create table if not exists sluice_inbox (
  consumer varchar(200) not null,
  message_id varchar(500) not null,
  result longtext not null,
  at timestamp(3) not null default current_timestamp(3),
  primary key (consumer, message_id),
  key sluice_inbox_at (at)
) ${tableOptions}`,
    `create table if not exists sluice_started_message (
  consumer varchar(200) not null,
  message_id varchar(500) not null,
  starts int not null,
  at timestamp(3) not null default current_timestamp(3),
  primary key (consumer, message_id)
) ${tableOptions}`,
    `create table if not exists sluice_parked_message (
  id bigint not null auto_increment primary key,
  topic varchar(200) not null,
  consumer varchar(200) not null,
  message_id varchar(500),
  message_key varchar(500),
  headers longtext not null,
  body longtext,
  reason varchar(100) not null,
  error text not null,
  attempts int not null,
  due_at timestamp(3) null default null,
  parked_at timestamp(3) not null default current_timestamp(3),
  key sluice_parked_message_consumer (topic(100), consumer, id)
) ${tableOptions}`,
  ],
  add: (messages) => insertRows(messages, '`key`'),
  // The relay's transaction is READ COMMITTED: what is claimed after the lock has seen what its last holder committed,
  // and no gap is locked in which producers write.
  async claim(db, channel, limit, taken = []) {
    // No row has the number 0.
    const others = taken.length === 0 ? ['0'] : taken;
    const list = placeholders(others);
    const hasLock = async (): Promise<boolean> => (await db.query(lockKeys, [channel])).rows.length > 0;
    let mayTakeKeys = await hasLock();
    if (!mayTakeKeys && (await db.query('select 1 from sluice_relay where channel = ?', [channel])).rows.length === 0) {
      await db.query('insert ignore into sluice_relay (channel) values (?)', [channel]);
      mayTakeKeys = await hasLock();
    }
    const keyed = mayTakeKeys ? (await db.query<OutboxRow>(claimKeyed(list), [channel, ...others, limit])).rows : [];
    if (keyed.length >= limit) return keyed;
    const keyless = await db.query<OutboxRow>(claimKeyless(list), [channel, ...others, limit - keyed.length]);
    return [...keyed, ...keyless.rows].toSorted((one, other) => Number(one.id) - Number(other.id));
  },
  remove: (ids) => ({ text: `delete from sluice_outbox where id in (${placeholders(ids)})`, values: ids }),
  // Assignments are made from left to right, so the count comes last.
  fail: (id, error, pause, maxAttempts) => ({
    text: `update sluice_outbox set last_error = $2, available_at = timestampadd(microsecond, $3 * 1000, now(3)),
      parked_at = case when attempts + 1 >= $4 then now(3) end, attempts = attempts + 1 where id = $1`,
    values: [id, error, pause, maxAttempts],
  }),
  parked: (channel, limit) => ({
    text: `select ${columns}, last_error, cast(unix_timestamp(parked_at) * 1000 as signed) as parked_at from sluice_outbox
    where channel = ? and parked_at is not null order by sluice_outbox.id limit ?`,
    values: [channel, limit],
  }),
  replay(channel, numbers) {
    const text = `update sluice_outbox set parked_at = null, attempts = 0, available_at = now(3) where channel = ? and parked_at is not null`;
    if (numbers === undefined) return { text, values: [channel] };
    if (numbers.length === 0) return { text: `${text} and false`, values: [channel] };
    return { text: `${text} and id in (${placeholders(numbers)})`, values: [channel, ...numbers] };
  },
  ...listStatements,
  forget: (age) => ({
    text: 'delete from sluice_inbox where at < timestampadd(microsecond, $1 * -1000, now(3)) limit 10000',
    values: [age],
  }),
  administration: outboxAdministration({
    key: '`key`',
    number: 'signed',
    text: 'char',
    time: (column) => `cast(unix_timestamp(${column}) * 1000 as signed)`,
    age: (time) => `timestampdiff(microsecond, ${time}, now(3)) div 1000`,
    replay: `update sluice_outbox set parked_at = null, attempts = 0, available_at = now(3)
      where channel = $1 and parked_at is not null order by id limit $2`,
  }),
  received: receivedMessages({
    number: 'signed',
    text: 'char',
    now: 'now(3)',
    time: (column) => `cast(unix_timestamp(${column}) * 1000 as signed)`,
    start: `insert into sluice_started_message (consumer, message_id, starts) values ($1, $2, 1)
      on duplicate key update starts = starts + 1, at = now(3)`,
    isOld: 'at < timestampadd(microsecond, $1 * -1000, now(3))',
    due: (columns) => `select ${columns} from sluice_parked_message where topic = $1 and consumer = $2
      and due_at is not null order by sluice_parked_message.id limit 1 for update skip locked`,
  }),
  isMissingTable: (error) => [1146, 1054].includes(Number(fieldOf(error, 'errno'))),
};
