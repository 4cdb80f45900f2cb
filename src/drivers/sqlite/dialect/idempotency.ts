import { describeThrown, fieldOf } from '../../../core/index.ts';
import { type IdempotencyDialect, placeholders } from '../../../driver/index.ts';

/** Milliseconds since 1970. */
const now = `cast(unixepoch('subsec') * 1000 as integer)`;
/** Another connection writes, or has written since the transaction looked; the lowest byte of its code says it. */
const busy = 5;

export const sqliteIdempotency: IdempotencyDialect = {
  create: [
    `create table if not exists sluice_idempotency (
  id text not null primary key,
  scope text not null,
  claimant text not null,
  fingerprint text not null,
  answer text,
  created_at integer not null default (${now}),
  expires_at integer not null
)`,
    `create index if not exists sluice_idempotency_expired on sluice_idempotency (expires_at)`,
  ],
  claim: ({ id, scope, claimant, fingerprint, ttl }) => ({
    text: `insert into sluice_idempotency (id, scope, claimant, fingerprint, expires_at) values ($1, $2, $3, $4, ${now} + $5)
      on conflict (id) do update set scope = excluded.scope, claimant = excluded.claimant,
        fingerprint = excluded.fingerprint, answer = null, created_at = excluded.created_at, expires_at = excluded.expires_at
      where sluice_idempotency.expires_at <= ${now}`,
    values: [id, scope, claimant, fingerprint, ttl],
  }),
  find: (id) => ({
    text: 'select claimant, fingerprint, answer from sluice_idempotency where id = $1',
    values: [id],
  }),
  answer: (id, claimant, answer) => ({
    text: 'update sluice_idempotency set answer = $3 where id = $1 and claimant = $2',
    values: [id, claimant, answer],
  }),
  expired: (limit) => ({
    text: `select id from sluice_idempotency where expires_at <= ${now} order by expires_at limit $1`,
    values: [limit],
  }),
  remove: (ids) => ({ text: `delete from sluice_idempotency where id in (${placeholders(ids)})`, values: ids }),
  mayRepeat(error) {
    const code = fieldOf(error, 'errcode');
    return fieldOf(error, 'code') === 'SQLITE_BUSY' || (typeof code === 'number' && (code & 0xff) === busy);
  },
  isMissingTable: (error) =>
    /no such table: sluice_|no such column: |sluice_idempotency has no column named /.test(
      describeThrown(error).message,
    ),
};
