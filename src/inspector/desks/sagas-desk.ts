import { SluiceError } from '../../core/index.ts';
import type { Db } from '../../database/index.ts';
import { cancelSaga, findSaga, listSagas, resumeSaga, sagaCounts, type SagaInfo } from '../../saga/index.ts';
import type { ActionAnswer, SagaCountsView, SagaDetailView, SagaList, SagaView } from '../work-views.ts';
import { mostCounted, mostEndedCounted } from './most-counted.ts';

const statuses = ['running', 'waiting', 'stuck', 'compensating', 'completed', 'failed', 'cancelled'] as const;
type Status = (typeof statuses)[number];

/** The most steps, waits and children of a saga that are shown: the last ones. */
const mostParts = 500;

/** Counts, lists and changes sagas. */
export class SagasDesk {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** How many stand how; none where the tables have not been made yet. @throws what the server answers */
  async counts(): Promise<readonly SagaCountsView[]> {
    try {
      const counts = await sagaCounts(this.#db, { unfinished: mostCounted, ended: mostEndedCounted });
      return [...Map.groupBy(counts, ({ saga }) => saga)].map(([name, group]) => ({
        name,
        sagas: Object.fromEntries(
          statuses.map((status) => [status, group.find((one) => one.status === status)?.count ?? 0]),
        ),
        atLeast: group.filter(({ hasMore }) => hasMore).map(({ status }) => status),
      }));
    } catch (error) {
      if (SluiceError.find(error)?.code === 'SAGA_TABLES_MISSING') return [];
      throw error;
    }
  }

  /** Those of a definition that stand so; nothing where nothing stands so ever. @throws what the server answers */
  async list(saga: string, status: string, limit: number): Promise<SagaList | undefined> {
    if (!isStatus(status)) return undefined;
    const { sagas, cursor } = await listSagas(this.#db, { saga, status, limit });
    return { sagas: sagas.map(viewOf), hasMore: cursor !== undefined };
  }

  /** One with what is recorded of it; nothing where there is none. @throws what the server answers */
  async find(saga: string, id: string): Promise<SagaDetailView | undefined> {
    const found = await findSaga(this.#db, saga, id);
    if (found === undefined) return undefined;
    const { steps, waits, children } = found;
    return {
      ...viewOf(found),
      steps: steps.slice(-mostParts).map(({ name, state, at }) => ({ name, state, at: at.getTime() })),
      waits: waits.slice(-mostParts).map(({ name, until, endedAt }) => ({ name, ...times({ until, endedAt }) })),
      children: children.slice(-mostParts).map(({ createdAt, endedAt, ...child }) => ({
        ...child,
        startedAt: createdAt.getTime(),
        ...times({ endedAt }),
      })),
      leftOut: [steps, waits, children].reduce((sum, { length }) => sum + Math.max(0, length - mostParts), 0),
    };
  }

  /** Lets one that is stuck go on, or has its steps undone. @throws SagaFinishedError; what the server answers */
  async change(saga: string, id: string, action: 'resume' | 'cancel'): Promise<ActionAnswer> {
    try {
      if (action === 'cancel') await cancelSaga(this.#db, saga, id);
      else if (!(await resumeSaga(this.#db, saga, id)))
        return { done: false, why: 'It is not stuck, and goes on as before.' };
      return { done: true };
    } catch (error) {
      if (SluiceError.find(error)?.code === 'SAGA_NOT_FOUND') return { done: false };
      throw error;
    }
  }
}

function viewOf(info: SagaInfo): SagaView {
  const { saga, id, version, status, waitsFor, lastStep, attempts, createdAt, wakesAt, endedAt, lastError } = info;
  return {
    saga,
    id,
    version,
    status,
    waitsFor: waitsFor.slice(0, mostParts),
    lastStep,
    attempts,
    startedAt: createdAt.getTime(),
    ...times({ wakesAt, endedAt }),
    ...(lastError === undefined ? {} : { error: `${lastError.name}: ${lastError.message}` }),
  };
}

/** Milliseconds since 1970, of those that there are. */
function times<Name extends string>(dates: Readonly<Record<Name, Date | undefined>>): Partial<Record<Name, number>> {
  const given = Object.entries<Date | undefined>(dates).flatMap(([name, date]) =>
    date === undefined ? [] : [[name, date.getTime()] as const],
  );
  return Object.fromEntries(given) as Partial<Record<Name, number>>;
}

function isStatus(status: string): status is Status {
  return statuses.some((each) => each === status);
}
