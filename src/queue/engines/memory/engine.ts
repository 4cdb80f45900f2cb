import { signed, calledAs } from '../../../core/index.ts';
import {
  pauseBefore,
  type Delivery,
  type EngineHost,
  type EngineJob,
  type EngineLane,
  type JobEnvelope,
  type JobReference,
  type JobState,
  type LaneOptions,
  type QueueEngine,
  type QueueEngineFactory,
  type Settlement,
} from '../../engine/index.ts';
import { MemoryAdministration } from './administration.ts';
import { MemoryStore, type StoredJob } from './store.ts';

class MemoryLane implements EngineLane {
  readonly #store: MemoryStore;
  readonly #options: LaneOptions;
  readonly #running = new Set<Promise<void>>();
  #state: 'open' | 'paused' | 'closed' = 'open';

  constructor(store: MemoryStore, options: LaneOptions) {
    this.#store = store;
    this.#options = options;
    if (options.paused) this.#state = 'paused';
  }

  takes({ queue, level }: EngineJob): boolean {
    return queue === this.#options.queue && level === this.#options.level;
  }

  wake(): void {
    const { queue, level, concurrency } = this.#options;
    while (this.#state === 'open' && this.#running.size < concurrency) {
      const stored = this.#store.next(queue, level);
      if (stored === undefined) return;
      stored.status = 'active';
      stored.startedAt = Date.now();
      const running = this.#run(stored);
      this.#running.add(running);
      void running.then(() => {
        this.#running.delete(running);
        this.wake();
      });
    }
  }

  pause(): Promise<void> {
    if (this.#state === 'open') this.#state = 'paused';
    return Promise.resolve();
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'open';
    this.wake();
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    this.#store.lanes.delete(this);
    await Promise.all(this.#running);
  }

  async #run(stored: StoredJob): Promise<void> {
    this.#settle(stored, await this.#options.run(this.#deliver(stored)));
  }

  #deliver(stored: StoredJob): Delivery {
    const { job } = stored;
    return {
      id: job.id,
      envelope: copyOf(job.envelope),
      attempt: stored.failures + 1,
      attempts: job.attempts,
      redelivered: false,
      claim: neverAborts,
      progress: (value) => {
        stored.progress = value;
        for (const { events } of this.#store.hosts) events.onProgress(job.id, value);
        return Promise.resolve();
      },
    };
  }

  #settle(stored: StoredJob, settlement: Settlement): void {
    const store = this.#store;
    switch (settlement.type) {
      case 'released':
        store.wait(stored, 0);
        return;
      case 'retry':
        stored.failures += 1;
        stored.lastFailure = settlement.failure;
        store.wait(stored, pauseBefore(stored.job.backoff, stored.failures + 1));
        return;
      case 'acknowledged':
      case 'completed':
      case 'failed':
        if (settlement.type === 'failed') stored.failures += 1;
        store.end(stored, settlement.outcome);
    }
  }
}

/** A handler may change its data. What is nested too deeply to be copied is no envelope. */
function copyOf(envelope: JobEnvelope): unknown {
  try {
    return structuredClone(envelope);
  } catch {
    return undefined;
  }
}

/** Nothing can take a job from a worker of the same process. */
const neverAborts = new AbortController().signal;

/**
 * Keeps jobs in this process: the default, for tests and programs of one process. A restart loses them.
 * Several `createJobs` that are given the same `memory()` share their jobs.
 *
 * ```ts
 * const jobs = createJobs(database, { queues: { invoice }, engine: memory() });
 * ```
 */
export function memory(): QueueEngineFactory {
  const store = new MemoryStore();
  const administration = new MemoryAdministration(store);
  return signed((host: EngineHost): QueueEngine => ({
    name: 'memory',
    capabilities: { enqueue: 'hook', transactionalAck: false, redelivers: false },
    administration,
    start: () => {
      store.hosts.add(host);
      return Promise.resolve();
    },
    // Finer than Date.now(), since sender and worker are this process.
    now: () => performance.timeOrigin + performance.now(),
    add: (jobs) => {
      for (const job of jobs) store.add(job);
      return Promise.resolve();
    },
    mayHaveAdded: () => false,
    announce: () => {},
    listen: () => Promise.resolve(),
    look: (jobs) => Promise.resolve(states(store, jobs)),
    watchArrivals: (queue, onArrival) => {
      const watcher = { queue, onArrival };
      store.arrivals.add(watcher);
      for (const { job } of store.jobs.values()) if (job.queue === queue) onArrival(job.level);
      return Promise.resolve(() => Promise.resolve(void store.arrivals.delete(watcher)));
    },
    openLane: (options) => {
      const lane = new MemoryLane(store, options);
      store.lanes.add(lane);
      queueMicrotask(() => lane.wake());
      return lane;
    },
    obliterate: () => {
      store.clear();
      return Promise.resolve();
    },
    close: () => {
      store.hosts.delete(host);
      return Promise.resolve();
    },
  }));
}
calledAs(memory, 'memory()');

function states(store: MemoryStore, jobs: readonly JobReference[]): ReadonlyMap<string, JobState> {
  const found = new Map<string, JobState>();
  for (const { id } of jobs) {
    const stored = store.jobs.get(id);
    if (stored === undefined) continue;
    const { status, outcome, progress } = stored;
    found.set(id, { status, ...(outcome === undefined ? {} : { outcome }), progress });
  }
  return found;
}
