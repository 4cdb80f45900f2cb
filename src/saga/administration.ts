import type { Db } from '../database/index.ts';
import { type Check, checkedArgument, integer, oneOf, readOptions, text } from '../core/index.ts';
import { type RecordedFailure, SagaFinishedError } from './errors.ts';
import type { SagaName } from './failure.ts';
import { SagaStore, type StoredStatus } from './store.ts';
import { tables } from './tables.ts';
import { conditions, type SagaStatus } from './upkeep/status.ts';
import { notFound } from './waiting.ts';

/** A saga, as administrators see it. */
export interface SagaInfo {
  /** The name of its definition. */
  readonly saga: string;
  /** Its id. */
  readonly id: string;
  /** The version of its definition. */
  readonly version: number;
  /** How it stands. */
  readonly status: SagaStatus;
  /** The names of what it waits for: sleeps, signals, other sagas, the compensation that has failed. */
  readonly waitsFor: readonly string[];
  /** The step that was recorded last on the client that sagas live on, whether it has succeeded or not; undefined before the first. */
  readonly lastStep: string | undefined;
  /** What went wrong last: why it is stuck, is undone, or pauses. */
  readonly lastError: RecordedFailure | undefined;
  /** How often it has failed in a row. */
  readonly attempts: number;
  /** When it was started. */
  readonly createdAt: Date;
  /** When it goes on; nothing where it waits for a signal, or has ended. */
  readonly wakesAt: Date | undefined;
  /** When it ended. */
  readonly endedAt: Date | undefined;
}

/** Options of `list`. */
export interface SagaListOptions {
  /** Those of one definition. Default: all. */
  readonly saga?: string | undefined;
  /** Those that stand so. Default: all. */
  readonly status?: SagaStatus | undefined;
  /** The most of a page. Default 100, at most 1,000. */
  readonly limit?: number | undefined;
  /** The `cursor` of the page before. Default: the first page. */
  readonly cursor?: string | undefined;
}

/** A part of a list of sagas. */
export interface SagaPage {
  /** The sagas, oldest first. */
  readonly sagas: readonly SagaInfo[];
  /** Where the list goes on; undefined at its end. */
  readonly cursor: string | undefined;
}

interface InfoRow {
  readonly number: number | string;
  readonly saga: string;
  readonly id: string;
  readonly definition: string;
  readonly status: StoredStatus;
  readonly failure: string | null;
  readonly stuck: string | null;
  readonly waits_for: string | null;
  readonly last_step: string | null;
  readonly wake_at: number | string | null;
  readonly lease_until: number | string;
  readonly attempts: number;
  readonly created_at: number | string;
  readonly ended_at: number | string | null;
}

const columns = `number, saga, id, definition, status, failure, stuck, waits_for, wake_at, lease_until, attempts, created_at, ended_at,
  (select step from sluice_saga_step recorded where recorded.saga = sluice_saga.saga and recorded.id = sluice_saga.id
    and kind = 'step' order by place desc limit 1) as last_step`;

const listChecks: Record<keyof SagaListOptions, Check> = {
  saga: text(100),
  status: oneOf(Object.keys(conditions)),
  limit: integer(1, 1_000),
  cursor: (value) => (typeof value === 'string' && /^\d{1,18}$/.test(value) ? undefined : 'the cursor of a page'),
};

/**
 * Lists sagas, the oldest first.
 *
 * ```ts
 * for (const { saga, id, lastError } of (await listSagas(db, { status: 'stuck' })).sagas) console.log(saga, id, lastError);
 * ```
 * @throws SagaTablesMissingError; InvalidOptionError
 */
export async function listSagas(db: Db, options: SagaListOptions = {}): Promise<SagaPage> {
  tables.of(db);
  const { saga, status, limit = 100, cursor = '0' } = readOptions('listSagas', options, listChecks);
  const { rows } = await tables.query<InfoRow>(db, {
    text: `select ${columns} from sluice_saga where number > $1 ${saga === undefined ? '' : 'and saga = $3'}
      ${status === undefined ? '' : `and ${conditions[status]}`} order by number limit $2`,
    values: [cursor, limit + 1, ...(saga === undefined ? [] : [saga])],
  });
  const sagas = rows.slice(0, limit);
  return { sagas: sagas.map(infoOf), cursor: rows.length > limit ? String(sagas.at(-1)?.number) : undefined };
}

/** A saga by itself; undefined where there is none. @throws SagaTablesMissingError */
export async function readSaga(db: Db, { saga, id }: SagaName): Promise<SagaInfo | undefined> {
  const { rows } = await tables.query<InfoRow>(db, {
    text: `select ${columns} from sluice_saga where saga = $1 and id = $2`,
    values: [saga, id],
  });
  const [row] = rows;
  return row === undefined ? undefined : infoOf(row);
}

/** The sagas that another one has started as its steps, oldest first. @throws SagaTablesMissingError */
export async function readChildren(
  db: Db,
  { saga, id }: SagaName,
): Promise<readonly (SagaInfo & { readonly step: string })[]> {
  const { rows } = await tables.query<InfoRow & { readonly parent_step: string }>(db, {
    text: `select ${columns}, parent_step from sluice_saga where parent_saga = $1 and parent_id = $2 order by number`,
    values: [saga, id],
  });
  return rows.map((row) => ({ ...infoOf(row), step: row.parent_step }));
}

/**
 * Lets a saga that is stuck go on, in the transaction that is open on the handle: a process that drives its definition takes it.
 *
 * ```ts
 * for (const { saga, id } of (await listSagas(db, { status: 'stuck' })).sagas) await resumeSaga(db, saga, id);
 * ```
 * @param db a handle on the client that the saga lives on
 * @returns whether it was stuck
 * @throws SagaNotFoundError, SagaFinishedError; SagaTablesMissingError; InvalidOptionError
 */
export async function resumeSaga(db: Db, saga: string, id: string): Promise<boolean> {
  checkArguments('resumeSaga', db, { saga, id });
  const isResumed = await new SagaStore(db).resume(saga, id);
  if (!isResumed) await assertUnfinished(db, { saga, id });
  return isResumed;
}

/**
 * Cancels a saga, in the transaction that is open on the handle: a process that drives its definition undoes its steps, and it ends
 * as cancelled.
 *
 * ```ts
 * await cancelSaga(db, 'checkout', '17');
 * ```
 * @param db a handle on the client that the saga lives on
 * @throws SagaNotFoundError, SagaFinishedError; SagaTablesMissingError; InvalidOptionError
 */
export async function cancelSaga(db: Db, saga: string, id: string): Promise<void> {
  checkArguments('cancelSaga', db, { saga, id });
  if (!(await new SagaStore(db).cancel(saga, id))) await assertUnfinished(db, { saga, id });
}

/** @throws SagaNotFoundError, SagaFinishedError */
export async function assertUnfinished(db: Db, { saga, id }: SagaName): Promise<void> {
  const found = await readSaga(db, { saga, id });
  if (found === undefined) throw notFound({ saga, id });
  if (found.endedAt === undefined) return;
  throw new SagaFinishedError({
    what: `The saga "${saga}" has ended already: it is ${found.status}`,
    remedy: 'Start another one, with another id',
    saga,
    id,
  });
}

/** @throws InvalidOptionError */
export function checkArguments(owner: string, db: Db, { saga, id }: SagaName): void {
  tables.of(db);
  checkedArgument(owner, 'saga', saga, text(100));
  checkedArgument(owner, 'id', id, text(200));
}

function infoOf(row: InfoRow): SagaInfo {
  const { saga, id, definition, attempts, wake_at, ended_at } = row;
  const waits = (row.ended_at === null ? parsed(row.waits_for) : undefined) as
    | { readonly names?: readonly string[]; readonly error?: RecordedFailure }
    | undefined;
  const failure = (parsed(row.stuck) ?? waits?.error ?? parsed(row.failure)) as RecordedFailure | undefined;
  return {
    saga,
    id,
    version: Number(definition.slice(definition.lastIndexOf('@') + 1)),
    status: statusOf(row),
    waitsFor: waits?.names ?? [],
    lastStep: row.last_step ?? undefined,
    lastError: failure === undefined ? undefined : { name: failure.name, message: failure.message, code: failure.code },
    attempts,
    createdAt: new Date(Number(row.created_at)),
    wakesAt: wake_at === null ? undefined : new Date(Number(wake_at)),
    endedAt: ended_at === null ? undefined : new Date(Number(ended_at)),
  };
}

function statusOf({ status, stuck, waits_for, lease_until }: InfoRow): SagaStatus {
  if (stuck !== null) return 'stuck';
  return status === 'running' && waits_for !== null && Number(lease_until) === 0 ? 'waiting' : status;
}

function parsed(json: string | null): unknown {
  return json === null ? undefined : JSON.parse(json);
}
