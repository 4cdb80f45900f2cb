import { type Check, integer, readOptions } from '../../core/index.ts';
import type { Db } from '../../database/index.ts';
import { tables } from '../tables.ts';
import { conditions, type SagaStatus } from './status.ts';

/** How many sagas of a definition stand so. */
export interface SagaCounts {
  /** The name of the definition. */
  readonly saga: string;
  /** How they stand. */
  readonly status: SagaStatus;
  /** How many there are. */
  readonly count: number;
  /** Whether there may be more: counting has stopped at the option that limits it. */
  readonly hasMore: boolean;
}

/** Options of `sagaCounts`, which reads the whole table without them. */
export interface SagaCountsOptions {
  /** The most sagas that have not ended which are counted: the oldest. Default: all. */
  readonly unfinished?: number | undefined;
  /** The most sagas that have ended which are counted: those that have ended last. Default: all. */
  readonly ended?: number | undefined;
}

interface CountRow {
  readonly saga: string;
  readonly state: SagaStatus;
  readonly has_ended: number | string;
  readonly total: number | string;
}

const aLimit = integer(1, 100_000_000);
const checks: Record<keyof SagaCountsOptions, Check> = { unfinished: aLimit, ended: aLimit };

const states = Object.entries(conditions).map(([status, condition]) => `when ${condition} then '${status}'`);
const standing = `saga, case ${states.join(' ')} end as state`;

/**
 * How many sagas stand how, by definition.
 *
 * ```ts
 * for (const { saga, status, count } of await sagaCounts(db)) console.log(saga, status, count);
 * const latest = await sagaCounts(db, { ended: 10_000 }); // does not read millions that have ended
 * ```
 * @param db a handle on the client that sagas live on
 * @throws SagaTablesMissingError; InvalidOptionError
 */
export async function sagaCounts(db: Db, options: SagaCountsOptions = {}): Promise<readonly SagaCounts[]> {
  tables.of(db);
  const { unfinished, ended } = readOptions('sagaCounts', options, checks);
  const values: number[] = [];
  // One more than is wanted, which tells whether there are more.
  const most = (limit: number | undefined, order: string): string =>
    limit === undefined ? '' : `order by ${order} limit $${values.push(limit + 1)}`;
  const { rows } = await tables.query<CountRow>(db, {
    text: `select saga, state, has_ended, count(*) as total from (
        select * from (select ${standing}, 0 as has_ended from sluice_saga
          where ended_at is null ${most(unfinished, 'number')}) unfinished
        union all select * from (select ${standing}, 1 as has_ended from sluice_saga
          where ended_at is not null ${most(ended, 'ended_at desc')}) ended) standing
      group by saga, state, has_ended order by saga, state`,
    values,
  });
  const limits = [unfinished, ended];
  const totals = [0, 1].map((part) => rows.reduce((sum, row) => sum + (isOf(row, part) ? Number(row.total) : 0), 0));
  return rows.map((row) => {
    const part = Number(row.has_ended);
    const hasMore = (totals[part] ?? 0) > (limits[part] ?? Number.POSITIVE_INFINITY);
    return { saga: row.saga, status: row.state, count: Number(row.total), hasMore };
  });
}

function isOf({ has_ended }: CountRow, part: number): boolean {
  return Number(has_ended) === part;
}
