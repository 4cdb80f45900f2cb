import { runBare } from '../../context/index.ts';
import { type Check, integer, readOptions, text } from '../../core/index.ts';
import { checkDatabase, type Database, type Db } from '../../database/index.ts';
import { type SagasDialect, type Sql, type Statement, statement } from '../../driver/index.ts';
import { aDuration } from '../body/duration.ts';
import type { SagaName } from '../failure.ts';
import type { Duration } from '../saga.ts';
import { tables } from '../tables.ts';

/** Options of `forgetEndedSagas`. */
export interface ForgetSagasOptions {
  /** How long ago they have ended at least: milliseconds, or text such as `'30 days'`. */
  readonly olderThan: Duration;
  /** The client that the sagas live on. Default: the default one. */
  readonly clientName?: string | undefined;
  /** The most sagas that are deleted in one transaction. Default 1,000; at most 10,000. */
  readonly limit?: number | undefined;
}

const checks: Record<keyof ForgetSagasOptions, Check> = {
  olderThan: aDuration,
  clientName: text(200),
  limit: integer(1, 10_000),
};

/** On MySQL and MariaDB a stronger level would lock the gaps between sagas. */
const own = { propagation: 'REQUIRES_NEW', isolationLevel: 'READ_COMMITTED', retry: { attempts: 5 } } as const;

/** What a client has of the steps of sagas. */
const stepTables = ['sluice_saga_step', 'sluice_saga_fence'];

/**
 * Deletes sagas that have ended some time ago, oldest first, with all that is recorded of them on all clients; says how many there
 * were. Call it from time to time, until it has found none. A child stays as long as its parent has not ended, and a parent until
 * its children are deleted, by an earlier call; what runs, waits or is stuck stays. The id of a deleted saga is free: one that is
 * started with it is a new one.
 *
 * It needs all clients on which the sagas had steps. What they have goes first, each in a transaction of its own: what a crash
 * leaves is found by the next call.
 *
 * ```ts
 * while ((await forgetEndedSagas(database, { olderThan: '30 days' })) > 0);
 * ```
 * @throws InvalidOptionError, UnknownClientError, SagaTablesMissingError; what a transaction throws
 */
export async function forgetEndedSagas(database: Database, options: ForgetSagasOptions): Promise<number> {
  checkDatabase('forgetEndedSagas', database);
  const read = readOptions('forgetEndedSagas', options, checks, ['olderThan']);
  const { clientName, limit = 1_000 } = read;
  const home = database.getDb({ clientName });
  const sql = tables.of(home);
  return await runBare(async () => {
    const ended = endedSagas(sql, Number(read.olderThan), limit);
    const { rows } = await tables.query<{ readonly number: number | string }>(home, ended);
    if (rows.length === 0) return 0;
    const numbers = rows.map(({ number }) => number);
    return await home.transaction.begin(() => forget(database, home, numbers), {
      name: 'forget sagas',
      ...own,
    });
  });
}

/**
 * Those that may be deleted. What has ended starts no children and does not run again, so this need not be locked. A parent goes
 * after its children: a saga that is started with its id would take what is left of them for its own.
 */
export function endedSagas({ now }: SagasDialect, age: number, limit: number): Statement {
  return {
    // MariaDB would read all children and all that runs for "not exists".
    text: `select ended.number from sluice_saga ended
      left join sluice_saga child on child.parent_saga = ended.saga and child.parent_id = ended.id
      left join sluice_saga parent
        on parent.saga = ended.parent_saga and parent.id = ended.parent_id and parent.ended_at is null
      where ended.ended_at <= ${now} - ${Math.ceil(age)} and child.number is null and parent.number is null
      order by ended.ended_at limit $1`,
    values: [limit],
  };
}

/** Sagas of one definition. */
interface Group {
  readonly saga: string;
  readonly ids: readonly string[];
}

/** Deletes sagas in the transaction that is open on their client, which keeps their ids from others until all is deleted. */
async function forget(database: Database, home: Db, numbers: readonly (number | string)[]): Promise<number> {
  const { rows } = await tables.query<SagaName>(home, {
    text: `select saga, id from sluice_saga where number in (${placeholders(numbers, 1)}) ${tables.of(home).lockFree}`,
    values: numbers,
  });
  const groups = groupsOf(rows);
  const away = (await Promise.all(groups.map((group) => clientsOf(home, group)))).flat();
  const others = [...Map.groupBy(away, ({ clientName }) => clientName)].map(
    ([clientName, those]) => [database.getDb({ clientName }), groupsOf(those)] as const,
  );
  for (const [db, those] of others) await deleteAll(db, stepTables, those);
  await tables.guard(home, () => home.batch(deletions([...stepTables, 'sluice_saga_signal', 'sluice_saga'], groups)));
  return rows.length;
}

function groupsOf(names: readonly SagaName[]): readonly Group[] {
  return [...Map.groupBy(names, ({ saga }) => saga)].map(([saga, those]) => ({ saga, ids: those.map(({ id }) => id) }));
}

/** Where else sagas have steps. */
async function clientsOf(home: Db, { saga, ids }: Group): Promise<readonly (SagaName & { clientName: string })[]> {
  const { rows } = await tables.query<{ readonly id: string; readonly result: string }>(home, {
    text: `select id, result from sluice_saga_step where saga = $1 and id in (${placeholders(ids, 2)}) and kind = 'client'`,
    values: [saga, ...ids],
  });
  return rows.map(({ id, result }) => ({ saga, id, clientName: result }));
}

async function deleteAll(db: Db, from: readonly string[], groups: readonly Group[]): Promise<void> {
  await tables.guard(db, () =>
    db.transaction.begin(() => db.batch(deletions(from, groups)), {
      name: 'forget steps of sagas',
      ...own,
    }),
  );
}

function deletions(from: readonly string[], groups: readonly Group[]): readonly Sql[] {
  return groups.flatMap(({ saga, ids }) =>
    from.map((table) =>
      statement(`delete from ${table} where saga = $1 and id in (${placeholders(ids, 2)})`, [saga, ...ids]),
    ),
  );
}

function placeholders(values: readonly unknown[], first: number): string {
  return values.map((_, at) => `$${first + at}`).join(', ');
}
