import type { Db } from '../database/index.ts';
import { checkArguments, readChildren, readSaga, type SagaInfo } from './administration.ts';
import type { RecordKind } from './records.ts';
import { tables } from './tables.ts';
import type { SagaStatus } from './upkeep/status.ts';

/** What is recorded of a step on the client that sagas live on. */
export interface SagaStepInfo {
  /** Its name. */
  readonly name: string;
  /** Whether it has succeeded, has failed, or was undone after it had succeeded. */
  readonly state: 'done' | 'failed' | 'undone';
  /** When it ended. */
  readonly at: Date;
}

/** A sleep, or a wait for a signal that has a timeout or has ended: a wait without both is in `waitsFor` alone. */
export interface SagaWaitInfo {
  /** Its name. */
  readonly name: string;
  /** When the sleep is over, or the signal is no longer waited for; undefined for a wait without a timeout. */
  readonly until: Date | undefined;
  /** When the saga has taken the signal, or has given up; undefined for a sleep, and as long as neither is so. */
  readonly endedAt: Date | undefined;
}

/** A saga that another one has started as a step of its own. */
export interface SagaChildInfo {
  /** The name of the step. */
  readonly name: string;
  /** The name of its definition. */
  readonly saga: string;
  /** Its id. */
  readonly id: string;
  /** How it stands. */
  readonly status: SagaStatus;
  /** When it was started. */
  readonly createdAt: Date;
  /** When it ended. */
  readonly endedAt: Date | undefined;
}

/** A saga, with what is recorded of it on the client of the handle. */
export interface SagaDetails extends SagaInfo {
  /** Its steps, in the order in which the body has asked for them. */
  readonly steps: readonly SagaStepInfo[];
  /** Its sleeps and waits for signals, in that order too. */
  readonly waits: readonly SagaWaitInfo[];
  /** The sagas that it has started as steps, oldest first. */
  readonly children: readonly SagaChildInfo[];
}

/**
 * Looks at a saga, with what is recorded of its steps, sleeps and children on the client of the handle; undefined where there is
 * none.
 *
 * ```ts
 * const found = await findSaga(db, 'checkout', '17');
 * for (const { name, state } of found?.steps ?? []) console.log(name, state);
 * ```
 * @throws SagaTablesMissingError; InvalidOptionError
 */
export async function findSaga(db: Db, saga: string, id: string): Promise<SagaDetails | undefined> {
  checkArguments('findSaga', db, { saga, id });
  const info = await readSaga(db, { saga, id });
  if (info === undefined) return undefined;
  const { rows } = await tables.query<RecordRow>(db, {
    // The results of steps are no times, and may be large.
    text: `select step, kind, case when kind = 'timer' then result end as until, case when failure is null then 0 else 1 end as failed, at
      from sluice_saga_step where saga = $1 and id = $2 order by place`,
    values: [saga, id],
  });
  const children = await readChildren(db, { saga, id });
  return { ...info, steps: stepsOf(rows), waits: waitsOf(rows, children), children: children.map(childOf) };
}

interface RecordRow {
  readonly step: string;
  readonly kind: RecordKind;
  readonly until: string | null;
  readonly failed: number | string;
  readonly at: number | string;
}

type Child = Awaited<ReturnType<typeof readChildren>>[number];

function stepsOf(rows: readonly RecordRow[]): readonly SagaStepInfo[] {
  const undone = new Set(rows.filter(({ kind }) => kind === 'undo').map(({ step }) => step));
  return rows
    .filter(({ kind }) => kind === 'step')
    .map(({ step, failed, at }) => {
      const state = Number(failed) === 0 ? (undone.has(step) ? 'undone' : 'done') : 'failed';
      return { name: step, state, at: dateOf(at) };
    });
}

/** What has a time or a signal under its name; of a child these are its start and its end. */
function waitsOf(rows: readonly RecordRow[], children: readonly Child[]): readonly SagaWaitInfo[] {
  const started = new Set(children.map(({ step }) => step));
  const own = rows.filter(({ kind, step }) => (kind === 'timer' || kind === 'signal') && !started.has(step));
  return [...Map.groupBy(own, ({ step }) => step)].map(([name, records]) => {
    const until = records.find(({ kind }) => kind === 'timer')?.until;
    const signal = records.find(({ kind }) => kind === 'signal');
    return { name, until: typeof until === 'string' ? dateOf(until) : undefined, endedAt: signal && dateOf(signal.at) };
  });
}

function childOf({ step: name, saga, id, status, createdAt, endedAt }: Child): SagaChildInfo {
  return { name, saga, id, status, createdAt, endedAt };
}

function dateOf(time: number | string): Date {
  return new Date(Number(time));
}
