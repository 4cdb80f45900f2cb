import { fieldOf } from '../../../core/index.ts';
import {
  claimedColumns,
  type ClaimedPublication,
  type EventDialect,
  type EventHandle,
  type EventSql,
  eventStatements,
  type ListenerOfEvent,
  placeholders,
} from '../../../driver/index.ts';
import { tableOptions } from './table-options.ts';

const sql: EventSql = {
  number: 'signed',
  text: 'char',
  now: 'now(3)',
  later: (milliseconds) => `timestampadd(microsecond, ${milliseconds} * 1000, now(3))`,
  time: (column) => `cast(unix_timestamp(${column}) * 1000 as signed)`,
  age: (time) => `timestampdiff(microsecond, ${time}, now(3)) div 1000`,
  forUpdate: 'for update',
};

const columns = `id bigint not null auto_increment primary key,
  event_id varchar(200) not null,
  event varchar(200) not null,
  listener varchar(200) not null,
  payload longtext not null,
  context longtext not null,
  attempts int not null default 0,
  published_at timestamp(3) not null default current_timestamp(3),
  completed_at timestamp(3) null default null`;

/** Which listeners have something to do: a dip into the index for each. */
const isDue = `select ? as position from dual where exists (
    select 1 from sluice_event_publication where listener = ? and event = ? and due_at <= now(3))`;
const lockDue = `select id from sluice_event_publication where listener = ? and event = ? and due_at <= now(3)
    order by due_at limit ? for update skip locked`;

/**
 * An update by itself would wait for each row that it looks at and a listener has, until that has ended: those that are free are
 * found first, and no others are looked at.
 */
function resubmitting(which: string): string {
  return `update (select id as chosen from sluice_event_publication where ${which} for update skip locked) free_ones
    straight_join sluice_event_publication force index (primary) on sluice_event_publication.id = free_ones.chosen
    set state = 'published', attempts = 0, due_at = now(3)`;
}

async function claimOf(db: EventHandle, listeners: readonly ListenerOfEvent[], limit: number): Promise<string[]> {
  const numbers: string[] = [];
  for (const { listener, event } of listeners) {
    if (numbers.length >= limit) break;
    const values = [listener, event, limit - numbers.length];
    const { rows } = await db.query<{ id: number | string }>(lockDue, values);
    numbers.push(...rows.map(({ id }) => String(id)));
  }
  return numbers;
}

/** Whose turn it is to be asked first; one for all: it is only for fairness. */
let turn = 0;

function rotated<Entry>(list: readonly Entry[]): readonly Entry[] {
  turn += 1;
  const at = turn % Math.max(1, list.length);
  return [...list.slice(at), ...list.slice(0, at)];
}

export const mysqlEvents: EventDialect = {
  create: [
    `create table if not exists sluice_event_publication (
  ${columns},
  state varchar(20) not null default 'published',
  last_error text,
  due_at timestamp(3) null default current_timestamp(3),
  key sluice_event_publication_due (listener, event, due_at),
  key sluice_event_publication_completed (completed_at, id)
) ${tableOptions}`,
    `create table if not exists sluice_event_archive (
  ${columns.replace(' auto_increment', '')},
  key sluice_event_archive_completed (completed_at)
) ${tableOptions}`,
  ],
  ...eventStatements(sql),
  async claim(db, listeners, limit, lease) {
    const asked = listeners.map(() => isDue).join(' union all ');
    const { rows } = await db.query<{ position: number | string }>(
      asked,
      listeners.flatMap(({ listener, event }, position) => [position, listener, event]),
    );
    const positions = new Set(rows.map(({ position }) => Number(position)));
    const due = listeners.filter((_, position) => positions.has(position));
    if (due.length === 0) return [];
    const take = async (): Promise<readonly ClaimedPublication[]> => {
      const numbers = await claimOf(db, rotated(due), limit);
      if (numbers.length === 0) return [];
      const chosen = `where id in (${placeholders(numbers)})`;
      await db.query(
        `update sluice_event_publication set state = 'processing', attempts = attempts + 1,
          due_at = timestampadd(microsecond, ? * 1000, now(3)) ${chosen}`,
        [lease, ...numbers],
      );
      const claimed = await db.query<ClaimedPublication>(
        `select ${claimedColumns(sql)} from sluice_event_publication ${chosen}`,
        numbers,
      );
      return claimed.rows;
    };
    return await db.transaction.begin(take, { name: 'claim of events', isolationLevel: 'READ_COMMITTED' });
  },
  resubmit: (numbers) => ({
    text: resubmitting(`state in ('failed', 'published') and id in (${placeholders(numbers)}) limit ${numbers.length}`),
    values: numbers,
  }),
  resubmitFailed: (listener, limit) => ({
    text: resubmitting(
      `completed_at is null and state = 'failed'${listener === undefined ? '' : ' and listener = ?'} order by id limit ?`,
    ),
    values: [...(listener === undefined ? [] : [listener]), limit],
  }),
  forget: (mode, age) => ({
    text: `delete from ${mode === 'archive' ? 'sluice_event_archive' : 'sluice_event_publication'}
      where completed_at < timestampadd(microsecond, $1 * -1000, now(3)) limit 10000`,
    values: [age],
  }),
  // A column of this version may be missing, too.
  isMissingTable: (error) => [1146, 1054].includes(Number(fieldOf(error, 'errno'))),
};
