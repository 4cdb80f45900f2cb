import type { OutboxAdministration } from './outbox-dialect.ts';

/** How an engine writes what administrators ask of an outbox. */
export interface OutboxAdministrationSql {
  /** The column `key`, quoted where it has to be. */
  readonly key: string;
  /** The type of numbers, for `cast`. */
  readonly number: string;
  /** The type of text, for `cast`. */
  readonly text: string;
  /** A time as milliseconds since 1970. */
  readonly time: (column: string) => string;
  /** The milliseconds since a time. */
  readonly age: (time: string) => string;
  /** Replays the oldest parked messages of the channel `$1`, at most `$2`. */
  readonly replay: string;
}

/** The administration of an outbox in `sluice_outbox`, as the tables of all own engines are. */
export function outboxAdministration(sql: OutboxAdministrationSql): OutboxAdministration {
  const { key, number, text, time, age, replay } = sql;
  const select = (payload: boolean): string => `select cast(id as ${text}) as id, job_id, queue, ${key}, attempts,
      last_error, ${payload ? 'payload, context' : 'null as payload, null as context'}, ${time('created_at')} as created_at,
      ${time('available_at')} as available_at, ${time('parked_at')} as parked_at from sluice_outbox where channel = $1`;
  return {
    counts: () => ({
      text: `select channel, sum(case when parked_at is null then 1 else 0 end) as waiting,
          sum(case when parked_at is null then 0 else 1 end) as parked,
          ${age('min(case when parked_at is null then created_at end)')} as lag
        from sluice_outbox group by channel order by channel`,
    }),
    list: ({ channel, parked, after, limit, payload }) => ({
      text: `${select(payload)} and parked_at is ${parked ? 'not null' : 'null'} and id > cast($2 as ${number})
        order by sluice_outbox.id limit $3`,
      values: [channel, after, limit],
    }),
    find: (channel, id, payload) => ({
      text: `${select(payload)} and id = cast($2 as ${number})`,
      values: [channel, id],
    }),
    replay: (channel, limit) => ({ text: replay, values: [channel, limit] }),
    discard: (channel, numbers) => ({
      text: `delete from sluice_outbox where channel = $1 and parked_at is not null and
        id in (${numbers.length === 0 ? 'null' : numbers.map((_, at) => `cast($${at + 2} as ${number})`).join(', ')})`,
      values: [channel, ...numbers],
    }),
  };
}
