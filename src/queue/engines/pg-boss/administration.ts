import {
  discarded,
  type FoundJob,
  isOutcome,
  type JobAdministration,
  type JobCounts,
  type JobListState,
  type JobPage,
  type JobPageRequest,
  type JobReference,
  type JobSummary,
  readCursor,
  type RemoteFailure,
  writeCursor,
} from '../../engine/index.ts';
import type { BossConnections } from './connections.ts';
import type { Notice } from './notices.ts';
import { type BossOutput, laneOf, mostLosses, physicalName, readJob, unpack } from './stored-job.ts';

export interface BossAdministrationSettings {
  readonly db: BossConnections['forJobs'];
  readonly schema: string;
  readonly maxLevel: number;
  /** Wakes workers for a job. */
  readonly announce: (job: JobReference) => void;
  /** Notifies the process that waits for a job. */
  readonly notify: (replyTo: string, notice: Notice) => void;
}

/** What a list is ordered by: the priority, a time in microseconds, the id. */
type Place = readonly [string, string, string];

/** A list: which rows, and their order. */
interface List {
  readonly where: string;
  readonly priority?: string;
  readonly time: string;
  readonly latestFirst?: boolean;
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly state: JobListState;
  readonly attempts: unknown;
  readonly priority: number;
  readonly added: string;
  readonly available: string;
  readonly started: string | null;
  readonly ended: string | null;
  readonly output: BossOutput | null;
  readonly rank: string;
  readonly time: string;
  readonly data?: unknown;
}

/** How often a change is tried on a job that others change at the same time. */
const mostTries = 5;

/** The jobs of pg-boss, for administrators. */
export class BossAdministration implements JobAdministration {
  readonly #settings: BossAdministrationSettings;
  readonly #lists: Readonly<Record<JobListState, List>>;
  readonly #state: string;

  constructor(settings: BossAdministrationSettings) {
    const { schema } = settings;
    const isLater = `start_after > ${schema}.job_now()`;
    this.#settings = settings;
    this.#state = `case when state < 'active' then case when ${isLater} then 'delayed' else 'waiting' end
      when state = 'active' then 'active' when state = 'completed' then 'completed' else 'failed' end`;
    this.#lists = {
      waiting: { where: `state < 'active' and not ${isLater}`, priority: '-priority', time: 'created_on' },
      delayed: { where: `state < 'active' and ${isLater}`, time: 'start_after' },
      active: { where: `state = 'active'`, time: 'coalesce(started_on, created_on)' },
      completed: { where: `state = 'completed'`, time: 'coalesce(completed_on, created_on)', latestFirst: true },
      failed: { where: `state > 'completed'`, time: 'coalesce(completed_on, created_on)', latestFirst: true },
    };
  }

  async counts(queue: string): Promise<JobCounts> {
    const { schema } = this.#settings;
    const rows = await this.#query<{ state: JobListState; count: number }>(
      `select ${this.#state} as state, count(*)::int as count from ${schema}.job where name = any($1::text[]) group by 1`,
      [this.#lanes(queue)],
    );
    const counts = { waiting: 0, delayed: 0, active: 0, completed: 0, failed: 0 };
    for (const { state, count } of rows) counts[state] = count;
    return counts;
  }

  async list(queue: string, { state, limit, cursor }: JobPageRequest): Promise<JobPage> {
    const after = readCursor(cursor, isPlace);
    const { where, latestFirst = false } = this.#lists[state];
    const [comparison, direction] = latestFirst ? ['<', 'desc'] : ['>', 'asc'];
    const rows = await this.#query<Row>(
      `select * from (${this.#select(state, where)}) listed
         where $2::bigint is null or (rank, time, id) ${comparison} ($2::bigint, $3::bigint, $4::uuid)
         order by rank ${direction}, time ${direction}, id ${direction} limit $5`,
      [this.#lanes(queue), ...(after ?? [null, null, null]), limit + 1],
    );
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      jobs: page.map(summaryOf),
      cursor: last !== undefined && rows.length > limit ? writeCursor([last.rank, last.time, last.id]) : undefined,
    };
  }

  async find(queue: string, id: string, withPayload: boolean): Promise<FoundJob | undefined> {
    const payload = withPayload ? ', data, output as whole_output' : '';
    const [row] = await this.#query<Row & { whole_output?: BossOutput | null }>(
      this.#select('waiting', 'id = $2::uuid', payload),
      [this.#lanes(queue), id],
    );
    if (row === undefined) return undefined;
    const summary = summaryOf(row);
    if (!withPayload) return { summary };
    const outcome = unpack(row.whole_output?.outcome);
    const { envelope } = readJob(row.data);
    return { summary, envelope, outcome: isOutcome(outcome) ? outcome : undefined };
  }

  async retry(queue: string, id: string): Promise<JobListState | undefined> {
    const { schema, announce } = this.#settings;
    // The time that it may wait begins again, too: pg-boss deletes what has waited too long.
    const text = `update ${schema}.job set state = 'retry', retry_limit = retry_count + ${mostLosses}, heartbeat_on = null,
        started_on = null, completed_on = null, start_after = ${schema}.job_now(),
        keep_until = greatest(keep_until, ${schema}.job_now() + (keep_until - start_after)),
        output = jsonb_build_object('failures', 0, 'lastFailure', output->'outcome'->'failure')
      where name = any($1::text[]) and id = $2::uuid and state > 'completed' returning name`;
    return await this.#change(queue, id, {
      leavesAlone: (state) => state !== 'failed',
      async change(query) {
        const [row] = await query<{ name: string }>(text);
        if (row !== undefined) announce({ id, ...laneOf(row.name) });
        return row === undefined ? undefined : 'failed';
      },
    });
  }

  async discard(queue: string, id: string): Promise<JobListState | undefined> {
    const { schema, notify } = this.#settings;
    // A worker that takes it at the same time locks the row: what is then active is not deleted.
    const text = `delete from ${schema}.job where name = any($1::text[]) and id = $2::uuid and state <> 'active'
      returning ${this.#state} as state, data`;
    return await this.#change(queue, id, {
      leavesAlone: (state) => state === 'active',
      async change(query) {
        const [row] = await query<{ state: JobListState; data: unknown }>(text);
        const replyTo = row === undefined ? undefined : readJob(row.data).replyTo;
        if (replyTo !== undefined && (row?.state === 'waiting' || row?.state === 'delayed'))
          notify(replyTo, { type: 'settled', id, outcome: discarded });
        return row?.state;
      },
    });
  }

  /** Changes a job, or says in which state it is left alone. */
  async #change(
    queue: string,
    id: string,
    {
      change,
      leavesAlone,
    }: {
      readonly change: (
        query: <Result>(text: string) => Promise<readonly Result[]>,
      ) => Promise<JobListState | undefined>;
      readonly leavesAlone: (state: JobListState) => boolean;
    },
  ): Promise<JobListState | undefined> {
    let state: JobListState | undefined;
    for (let tries = 0; tries < mostTries; tries += 1) {
      const changed = await change((text) => this.#query(text, [this.#lanes(queue), id]));
      if (changed !== undefined) return changed;
      state = (await this.find(queue, id, false))?.summary.state;
      if (state === undefined || leavesAlone(state)) break;
    }
    return state;
  }

  /** Rows without what jobs were given and have returned, which may be large. */
  #select(list: JobListState, where: string, more = ''): string {
    const { time, priority = '0' } = this.#lists[list];
    return `select id, name, ${this.#state} as state, data->'attempts' as attempts, priority,
        ${micros('created_on')} as added, ${micros('start_after')} as available,
        ${micros('started_on')} as started, ${micros('completed_on')} as ended,
        case when state <> 'completed' then output end as output,
        (${priority})::bigint as rank, ${micros(time)} as time${more}
      from ${this.#settings.schema}.job where name = any($1::text[]) and ${where}`;
  }

  #lanes(queue: string): readonly string[] {
    return Array.from({ length: this.#settings.maxLevel + 1 }, (_, level) => physicalName({ queue, level }));
  }

  async #query<Result>(text: string, values: readonly unknown[]): Promise<readonly Result[]> {
    const { rows } = await this.#settings.db.executeSql(text, [...values]);
    return rows;
  }
}

/** A time as a number that is exact. */
function micros(column: string): string {
  return `(extract(epoch from ${column}) * 1000000)::bigint`;
}

function summaryOf(row: Row): JobSummary {
  const { id, name, state, attempts, priority, output } = row;
  return {
    id,
    ...laneOf(name),
    state,
    attempts: typeof attempts === 'number' ? attempts : 1,
    failures: typeof output?.failures === 'number' ? output.failures : 0,
    // There, higher runs first.
    priority: priority === 0 ? 0 : -priority,
    addedAt: dateOf(row.added),
    availableAt: state === 'delayed' ? dateOf(row.available) : undefined,
    startedAt: row.started === null ? undefined : dateOf(row.started),
    endedAt: row.ended === null ? undefined : dateOf(row.ended),
    failure: failureOf(output),
    progress: unpack(output?.progress),
  };
}

function failureOf(output: BossOutput | null): RemoteFailure | undefined {
  const outcome = unpack(output?.outcome);
  if (isOutcome(outcome) && outcome.type === 'failed') return outcome.failure;
  const last = unpack(output?.lastFailure);
  return typeof last === 'object' && last !== null ? (last as RemoteFailure) : undefined;
}

/** Microseconds since 1970, as pg reads a bigint. */
function dateOf(micros: string): Date {
  return new Date(Number(micros) / 1_000);
}

function isPlace(value: unknown): value is Place {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [rank, time, id] = value as unknown[];
  return /^-?\d{1,18}$/.test(String(rank)) && /^-?\d{1,18}$/.test(String(time)) && /^[0-9a-f-]{36}$/.test(String(id));
}
