import type { Statement } from '../statement.ts';
import type { EventDialect } from './event-dialect.ts';

/** How an engine writes what all have in common. */
export interface EventSql {
  /** The type of numbers, for `cast`. */
  readonly number: string;
  /** The type of text, for `cast`. */
  readonly text: string;
  /** The time. */
  readonly now: string;
  /** The time in so many milliseconds. */
  readonly later: (milliseconds: string) => string;
  /** A time as milliseconds since 1970. */
  readonly time: (column: string) => string;
  /** The milliseconds since a time. */
  readonly age: (time: string) => string;
  /** After a query, to lock its rows; nothing where the transaction has all of the database. */
  readonly forUpdate: string;
}

const table = 'sluice_event_publication';
const archive = 'sluice_event_archive';

/** The columns of a claim. */
export function claimedColumns({ text, time }: Pick<EventSql, 'text' | 'time'>): string {
  return `cast(id as ${text}) as id, event_id, event, listener, payload, context, attempts,
    ${time('published_at')} as published_at`;
}

/** The statements that all own engines have in common. */
export function eventStatements(
  sql: EventSql,
): Omit<EventDialect, 'create' | 'claim' | 'isMissingTable' | 'forget' | 'resubmitFailed'> {
  const { number, text, now, later, time, age, forUpdate } = sql;
  const one = `id = cast($1 as ${number}) and state = 'processing' and attempts = $2`;
  return {
    add: (publications) => ({
      text: `insert into ${table} (event_id, event, listener, payload, context) values ${publications.map((_, at) => row(at)).join(', ')}`,
      values: publications.flatMap(({ eventId, event, listener, payload, context }) => [
        eventId,
        event,
        listener,
        payload,
        context,
      ]),
    }),
    lock: (id, attempts) => ({
      text: `select 1 as held from ${table} where ${one} ${forUpdate}`,
      values: [id, attempts],
    }),
    complete: (mode, id) => completing(mode, id, sql),
    fail: ({ id, attempts, error, pause }) => ({
      text: `update ${table} set state = ${pause === undefined ? `'failed'` : `'published'`}, last_error = $3,
        due_at = ${pause === undefined ? 'null' : later('$4')} where ${one}`,
      values: [id, attempts, error, ...(pause === undefined ? [] : [pause])],
    }),
    giveBack: (id, attempts) => ({
      text: `update ${table} set state = 'published', attempts = attempts - 1, due_at = ${now} where ${one}`,
      values: [id, attempts],
    }),
    counts: (limit) => ({
      text: `select listener, event, state, count(*) as count, ${age('min(published_at)')} as lag
        from (select listener, event, state, published_at from ${table}
          where completed_at is null${limit === undefined ? '' : ` order by ${table}.id limit $1`}) incomplete
        group by listener, event, state order by listener, event, state`,
      values: limit === undefined ? [] : [limit],
    }),
    list({ state, listener, after, limit, payload }) {
      const values: unknown[] = [after, limit];
      const only = (column: string, value: unknown): string => {
        if (value === undefined) return '';
        values.push(value);
        return ` and ${column} = $${values.length}`;
      };
      const filter = `${only('state', state)}${only('listener', listener)}`;
      return {
        text: `select cast(id as ${text}) as id, event_id, event, listener, state, attempts, last_error,
          ${payload ? 'payload, context' : 'null as payload, null as context'}, ${time('published_at')} as published_at,
          ${time('due_at')} as due_at from ${table}
          where completed_at is null and ${table}.id > cast($1 as ${number})${filter} order by ${table}.id limit $2`,
        values,
      };
    },
    resubmit: (numbers) => ({
      text: `update ${table} set state = 'published', attempts = 0, due_at = ${now}
        where state in ('failed', 'published') and id in (${numbers.map((_, at) => `cast($${at + 1} as ${number})`).join(', ')})`,
      values: numbers,
    }),
  };
}

/** Placeholders of the row at an index. */
function row(at: number): string {
  return `(${[1, 2, 3, 4, 5].map((column) => `$${at * 5 + column}`).join(', ')})`;
}

/** An archived one has the columns that it had. */
function completing(mode: 'keep' | 'delete' | 'archive', id: string, { number, now }: EventSql): readonly Statement[] {
  const where = `where id = cast($1 as ${number})`;
  const values = [id];
  const set = `update ${table} set state = 'completed', completed_at = ${now}, due_at = null, last_error = null ${where}`;
  if (mode === 'keep') return [{ text: set, values }];
  const remove = { text: `delete from ${table} ${where}`, values };
  if (mode === 'delete') return [remove];
  const columns = 'id, event_id, event, listener, payload, context, attempts, published_at';
  const copy = `insert into ${archive} (${columns}, completed_at) select ${columns}, ${now} from ${table} ${where}`;
  return [{ text: copy, values }, remove];
}
