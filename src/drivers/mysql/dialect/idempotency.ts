import { fieldOf } from '../../../core/index.ts';
import { type IdempotencyDialect, placeholders } from '../../../driver/index.ts';
import { tableOptions } from './table-options.ts';

/** A deadlock, a row that was changed since the snapshot, a wait for a lock that was given up. */
const repeatable = new Set<unknown>([1213, 1020, 1205]);
const expiry = 'timestampadd(microsecond, $5 * 1000, now(3))';
const isOver = 'expires_at <= now(3)';

export const mysqlIdempotency: IdempotencyDialect = {
  create: [
    `create table if not exists sluice_idempotency (
  id char(64) not null primary key,
  scope varchar(500) not null,
  claimant char(36) not null,
  fingerprint char(64) not null,
  answer longtext,
  created_at timestamp(3) not null default current_timestamp(3),
  expires_at timestamp(3) not null default current_timestamp(3),
  key sluice_idempotency_expired (expires_at)
) ${tableOptions}`,
  ],
  // It locks a row that is there for itself alone: two that lock it together would wait for each other when it goes.
  // Assignments are made from left to right, so the time by which they are decided comes last.
  claim: ({ id, scope, claimant, fingerprint, ttl }) => ({
    text: `insert into sluice_idempotency (id, scope, claimant, fingerprint, expires_at) values ($1, $2, $3, $4, ${expiry})
      on duplicate key update scope = if(${isOver}, $2, scope), claimant = if(${isOver}, $3, claimant),
        fingerprint = if(${isOver}, $4, fingerprint), answer = if(${isOver}, null, answer),
        created_at = if(${isOver}, now(3), created_at), expires_at = if(${isOver}, ${expiry}, expires_at)`,
    values: [id, scope, claimant, fingerprint, ttl],
  }),
  // With a lock: a plain read would look at the snapshot of the transaction.
  find: (id) => ({
    text: 'select claimant, fingerprint, answer from sluice_idempotency where id = $1 for update',
    values: [id],
  }),
  answer: (id, claimant, answer) => ({
    text: 'update sluice_idempotency set answer = $3 where id = $1 and claimant = $2',
    values: [id, claimant, answer],
  }),
  expired: (limit) => ({
    text: `select id from sluice_idempotency where ${isOver} order by expires_at limit $1 for update skip locked`,
    values: [limit],
  }),
  remove: (ids) => ({ text: `delete from sluice_idempotency where id in (${placeholders(ids)})`, values: ids }),
  mayRepeat: (error) => repeatable.has(fieldOf(error, 'errno')),
  isMissingTable: (error) => [1146, 1054].includes(Number(fieldOf(error, 'errno'))),
};
