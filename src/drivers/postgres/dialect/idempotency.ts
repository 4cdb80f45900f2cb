import { fieldOf } from '../../../core/index.ts';
import type { IdempotencyDialect } from '../../../driver/index.ts';
import { ownTables } from './own-tables.ts';

const repeatable = new Set(['40001', '40P01', '55P03']);
const expiry = `clock_timestamp() + $5 * interval '1 millisecond'`;

export const postgresIdempotency: IdempotencyDialect = {
  create: [
    `create table if not exists sluice_idempotency (
  id text primary key,
  scope text not null,
  claimant text not null,
  fingerprint text not null,
  answer text,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null
)`,
    `create index if not exists sluice_idempotency_expired on sluice_idempotency (expires_at)`,
  ],
  claim: ({ id, scope, claimant, fingerprint, ttl }) => ({
    text: `insert into sluice_idempotency as kept (id, scope, claimant, fingerprint, expires_at)
      values ($1, $2, $3, $4, ${expiry})
      on conflict (id) do update set scope = excluded.scope, claimant = excluded.claimant,
        fingerprint = excluded.fingerprint, answer = null, created_at = excluded.created_at, expires_at = excluded.expires_at
      where kept.expires_at <= clock_timestamp()`,
    values: [id, scope, claimant, fingerprint, ttl],
  }),
  find: (id) => ({
    text: `select claimant, fingerprint, answer from sluice_idempotency where id = $1`,
    values: [id],
  }),
  answer: (id, claimant, answer) => ({
    text: `update sluice_idempotency set answer = $3 where id = $1 and claimant = $2`,
    values: [id, claimant, answer],
  }),
  expired: (limit) => ({
    text: `select id from sluice_idempotency where expires_at <= statement_timestamp() order by expires_at limit $1
      for update skip locked`,
    values: [limit],
  }),
  remove: (ids) => ({ text: `delete from sluice_idempotency where id = any($1::text[])`, values: [ids] }),
  mayRepeat: (error) => repeatable.has(String(fieldOf(error, 'code'))),
  ...ownTables,
};
