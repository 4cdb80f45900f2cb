import { describeThrown } from '../../../core/index.ts';
import {
  claimedColumns,
  type ClaimedPublication,
  type EventDialect,
  type EventSql,
  eventStatements,
} from '../../../driver/index.ts';

/** Milliseconds since 1970. */
const now = `cast(unixepoch('subsec') * 1000 as integer)`;
const sql: EventSql = {
  number: 'integer',
  text: 'text',
  now,
  later: (milliseconds) => `${now} + ${milliseconds}`,
  time: (column) => column,
  age: (time) => `${now} - ${time}`,
  forUpdate: '',
};

const columns = `id integer primary key autoincrement,
  event_id text not null,
  event text not null,
  listener text not null,
  payload text not null,
  context text not null,
  attempts integer not null default 0,
  published_at integer not null default (${now}),
  completed_at integer`;

export const sqliteEvents: EventDialect = {
  create: [
    `create table if not exists sluice_event_publication (
  ${columns},
  state text not null default 'published',
  last_error text,
  due_at integer default (${now})
)`,
    `create index if not exists sluice_event_publication_due on sluice_event_publication (listener, event, due_at) where due_at is not null`,
    `create index if not exists sluice_event_publication_open on sluice_event_publication (id) where completed_at is null`,
    `create index if not exists sluice_event_publication_completed on sluice_event_publication (completed_at) where completed_at is not null`,
    `create table if not exists sluice_event_archive (
  ${columns.replace(' autoincrement', '')}
)`,
    `create index if not exists sluice_event_archive_completed on sluice_event_archive (completed_at)`,
  ],
  ...eventStatements(sql),
  // Who runs a listener has the only writing transaction, so that a claim after the lease waits for its end.
  claim: async (db, listeners, limit, lease) =>
    (
      await db.query<ClaimedPublication>(
        `update sluice_event_publication set state = 'processing', attempts = attempts + 1, due_at = ${now} + ?
        where id in (select id from sluice_event_publication
          where (listener, event) in (values ${listeners.map(() => '(?, ?)').join(', ')}) and due_at <= ${now}
          order by due_at limit ?)
        returning ${claimedColumns(sql)}`,
        [lease, ...listeners.flatMap(({ listener, event }) => [listener, event]), limit],
      )
    ).rows,
  resubmitFailed: (listener, limit) => ({
    text: `update sluice_event_publication set state = 'published', attempts = 0, due_at = ${now} where id in (
      select id from sluice_event_publication where completed_at is null and state = 'failed'
        and ($1 is null or listener = $1) order by id limit $2)`,
    values: [listener ?? null, limit],
  }),
  forget(mode, age) {
    const table = mode === 'archive' ? 'sluice_event_archive' : 'sluice_event_publication';
    return {
      text: `delete from ${table} where id in (select id from ${table} where completed_at < ${now} - $1 limit 10000)`,
      values: [age],
    };
  },
  // A column of this version may be missing, too.
  isMissingTable: (error) =>
    /no such table: sluice_event_|no such column: |sluice_event_\w+ has no column named /.test(
      describeThrown(error).message,
    ),
};
