import {
  claimedColumns,
  type ClaimedPublication,
  type EventDialect,
  type EventSql,
  eventStatements,
} from '../../../driver/index.ts';
import { ownTables } from './own-tables.ts';

const sql: EventSql = {
  number: 'bigint',
  text: 'text',
  now: 'now()',
  later: (milliseconds) => `now() + ${milliseconds} * interval '1 millisecond'`,
  time: (column) => `(extract(epoch from ${column}) * 1000)::bigint`,
  age: (time) => `(extract(epoch from clock_timestamp() - ${time}) * 1000)::bigint`,
  forUpdate: 'for update',
};

const columns = `id bigint generated always as identity primary key,
  event_id text not null,
  event text not null,
  listener text not null,
  payload text not null,
  context text not null,
  attempts int not null default 0,
  published_at timestamptz not null default now(),
  completed_at timestamptz`;

// Each listener has a range of its own in the index for its event, so that what waits for one that is not here is never read.
const claim = `with due as materialized (
    select publication.id, publication.due_at from unnest($1::text[], $2::text[]) wanted (listener, event)
    cross join lateral (select id, due_at from sluice_event_publication
      where listener = wanted.listener and event = wanted.event and due_at <= now()
      order by due_at limit $3 for update skip locked) publication
    order by publication.due_at limit $3)
  update sluice_event_publication set state = 'processing', attempts = attempts + 1,
    due_at = now() + $4 * interval '1 millisecond'
  where id in (select id from due) returning ${claimedColumns(sql)}`;

export const postgresEvents: EventDialect = {
  create: [
    `create table if not exists sluice_event_publication (
  ${columns},
  state text not null default 'published',
  last_error text,
  due_at timestamptz default now()
)`,
    `create index if not exists sluice_event_publication_due on sluice_event_publication (listener, event, due_at) where due_at is not null`,
    `create index if not exists sluice_event_publication_open on sluice_event_publication (id) where completed_at is null`,
    `create index if not exists sluice_event_publication_completed on sluice_event_publication (completed_at) where completed_at is not null`,
    `create table if not exists sluice_event_archive (
  ${columns.replace(' generated always as identity', '')}
)`,
    `create index if not exists sluice_event_archive_completed on sluice_event_archive (completed_at)`,
  ],
  ...eventStatements(sql),
  async claim(db, listeners, limit, lease) {
    const [ids, names] = [listeners.map(({ listener }) => listener), listeners.map(({ event }) => event)];
    return (await db.query<ClaimedPublication>(claim, [ids, names, limit, lease])).rows;
  },
  resubmitFailed: (listener, limit) => ({
    text: `update sluice_event_publication set state = 'published', attempts = 0, due_at = now() where id in (
      select id from sluice_event_publication where completed_at is null and state = 'failed'
        and ($1::text is null or listener = $1::text) order by id limit $2 for update skip locked)`,
    values: [listener ?? null, limit],
  }),
  forget(mode, age) {
    const table = mode === 'archive' ? 'sluice_event_archive' : 'sluice_event_publication';
    return {
      text: `delete from ${table} where id in (select id from ${table}
        where completed_at < now() - $1 * interval '1 millisecond' limit 10000)`,
      values: [age],
    };
  },
  // A column of this version may be missing, too.
  ...ownTables,
};
