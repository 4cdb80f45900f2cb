import {
  discarded,
  type FoundJob,
  type JobAdministration,
  type JobCounts,
  type JobListState,
  type JobPage,
  type JobPageRequest,
  type JobSummary,
  readCursor,
  writeCursor,
} from '../../engine/index.ts';
import type { MemoryStore, StoredJob } from './store.ts';

/** What a list is ordered by: two numbers, and the order in which jobs were added. */
type Place = readonly [number, number, number];

/** The jobs of a process, for administrators. */
export class MemoryAdministration implements JobAdministration {
  readonly #store: MemoryStore;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  counts(queue: string): Promise<JobCounts> {
    const counts = { waiting: 0, delayed: 0, active: 0, completed: 0, failed: 0 };
    for (const stored of this.#of(queue)) counts[stateOf(stored)] += 1;
    return Promise.resolve(counts);
  }

  async list(queue: string, { state, limit, cursor }: JobPageRequest): Promise<JobPage> {
    const after = readCursor(cursor, isPlace);
    const entries = this.#of(queue)
      .filter((stored) => stateOf(stored) === state)
      .map((stored) => ({ stored, place: placeOf(stored) }))
      .toSorted((one, other) => compare(one.place, other.place))
      .filter(({ place }) => after === undefined || compare(place, after) > 0);
    const page = entries.slice(0, limit);
    const last = page.at(-1);
    const jobs = page.map(({ stored }) => summaryOf(stored));
    return await Promise.resolve({
      jobs,
      cursor: last !== undefined && entries.length > page.length ? writeCursor(last.place) : undefined,
    });
  }

  find(queue: string, id: string, withPayload: boolean): Promise<FoundJob | undefined> {
    const stored = this.#find(queue, id);
    if (stored === undefined) return Promise.resolve(undefined);
    const payload = withPayload ? { envelope: stored.job.envelope, outcome: stored.outcome } : {};
    return Promise.resolve({ summary: summaryOf(stored), ...payload });
  }

  retry(queue: string, id: string): Promise<JobListState | undefined> {
    const stored = this.#find(queue, id);
    const state = stored === undefined ? undefined : stateOf(stored);
    if (stored !== undefined && state === 'failed') this.#store.retry(stored);
    return Promise.resolve(state);
  }

  discard(queue: string, id: string): Promise<JobListState | undefined> {
    const stored = this.#find(queue, id);
    const state = stored === undefined ? undefined : stateOf(stored);
    if (stored !== undefined && state !== 'active') this.#store.discard(stored, discarded);
    return Promise.resolve(state);
  }

  #of(queue: string): StoredJob[] {
    return [...this.#store.jobs.values()].filter(({ job }) => job.queue === queue);
  }

  #find(queue: string, id: string): StoredJob | undefined {
    const stored = this.#store.jobs.get(id);
    return stored?.job.queue === queue ? stored : undefined;
  }
}

function stateOf({ status, cancelTimer }: StoredJob): JobListState {
  return status === 'waiting' && cancelTimer !== undefined ? 'delayed' : status;
}

function placeOf(stored: StoredJob): Place {
  const { job, order, availableAt, startedAt = 0, endedAt = 0 } = stored;
  switch (stateOf(stored)) {
    case 'waiting':
      return [job.priority, 0, order];
    case 'delayed':
      return [0, availableAt, order];
    case 'active':
      return [0, startedAt, order];
    case 'completed':
    case 'failed':
      return [0, -endedAt, -order];
  }
}

function compare(one: Place, other: Place): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}

function isPlace(value: unknown): value is Place {
  return Array.isArray(value) && value.length === 3 && value.every((part) => typeof part === 'number');
}

function summaryOf(stored: StoredJob): JobSummary {
  const { job, failures, outcome, lastFailure, progress, addedAt, availableAt, startedAt, endedAt } = stored;
  const { id, queue, level, attempts, priority } = job;
  const state = stateOf(stored);
  return {
    id,
    queue,
    level,
    state,
    attempts,
    failures,
    priority,
    addedAt: new Date(addedAt),
    availableAt: state === 'delayed' ? new Date(availableAt) : undefined,
    startedAt: startedAt === undefined ? undefined : new Date(startedAt),
    endedAt: endedAt === undefined ? undefined : new Date(endedAt),
    failure: outcome?.type === 'failed' ? outcome.failure : lastFailure,
    progress,
  };
}
