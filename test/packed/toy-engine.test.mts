// A queue engine that knows the packed package alone: jobs of this process, which lanes look for every few milliseconds.
import { describe, it } from 'node:test';
import {
  type EngineHost,
  type EngineJob,
  type EngineLane,
  type JobState,
  type LaneOptions,
  pauseBefore,
  type QueueEngineFactory,
  type Settlement,
} from 'sluice/queue/engine';
import { queueEngineSuite, register } from 'sluice/testing/conformance';

interface Stored {
  readonly job: EngineJob;
  state: JobState;
  failures: number;
  readyAt: number;
}

const lookInterval = 5;

class ToyLane implements EngineLane {
  readonly #jobs: Map<string, Stored>;
  readonly #hosts: Set<EngineHost>;
  readonly #options: LaneOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #isPaused: boolean;

  constructor(jobs: Map<string, Stored>, hosts: Set<EngineHost>, options: LaneOptions) {
    this.#jobs = jobs;
    this.#hosts = hosts;
    this.#options = options;
    this.#isPaused = options.paused;
    this.#timer = setInterval(() => this.#take(), lookInterval);
  }

  // Takes no more; what runs goes on.
  async pause(): Promise<void> {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  // Resolves when what runs has ended and is settled.
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  // Jobs of one queue and level: lower priorities first, equal ones in their order.
  #take(): void {
    const { queue, level, concurrency } = this.#options;
    while (!this.#isPaused && this.#running.size < concurrency) {
      const [next] = [...this.#jobs.values()]
        .filter(({ job, state, readyAt }) => {
          return state.status === 'waiting' && job.queue === queue && job.level === level && readyAt <= Date.now();
        })
        .toSorted((one, other) => one.job.priority - other.job.priority);
      if (next === undefined) return;
      next.state = { ...next.state, status: 'active' };
      const running: Promise<void> = this.#run(next).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
  }

  async #run(stored: Stored): Promise<void> {
    const { job } = stored;
    const settlement = await this.#options.run({
      id: job.id,
      envelope: structuredClone(job.envelope),
      attempt: stored.failures + 1,
      attempts: job.attempts,
      redelivered: false,
      claim: new AbortController().signal,
      progress: async (progress) => {
        stored.state = { ...stored.state, progress };
        for (const { events } of this.#hosts) events.onProgress(job.id, progress);
      },
    });
    this.#settle(stored, settlement);
  }

  // A retry counts an attempt and waits for the backoff; a release counts none; the others end the job.
  #settle(stored: Stored, settlement: Settlement): void {
    const { job } = stored;
    if (settlement.type === 'retry') {
      stored.failures += 1;
      stored.readyAt = Date.now() + pauseBefore(job.backoff, stored.failures + 1);
    }
    if (settlement.type === 'retry' || settlement.type === 'released') {
      stored.state = { ...stored.state, status: 'waiting' };
      return;
    }
    const { outcome } = settlement;
    stored.state = { ...stored.state, status: outcome.type, outcome };
    for (const { events } of this.#hosts) events.onSettled(job.id, outcome);
  }
}

function toyEngine(): QueueEngineFactory {
  const jobs = new Map<string, Stored>();
  const hosts = new Set<EngineHost>();
  const watchers = new Set<{ readonly queue: string; readonly onArrival: (level: number) => void }>();
  return (host) => ({
    name: 'toy',
    // 'hook': the engine is this process, and gets the jobs after the commit.
    capabilities: { enqueue: 'hook', transactionalAck: false, redelivers: false },
    // Connects. Called again if it failed.
    async start() {
      hosts.add(host);
    },
    // The clock that all processes share.
    now: () => performance.timeOrigin + performance.now(),
    // Takes each id once.
    async add(added) {
      for (const job of added) {
        if (jobs.has(job.id)) continue;
        jobs.set(job.id, { job, state: { status: 'waiting' }, failures: 0, readyAt: Date.now() + job.delay });
        for (const { queue, onArrival } of watchers) if (queue === job.queue) onArrival(job.level);
      }
    },
    // Whether the answer was lost, so that the jobs may be there.
    mayHaveAdded: () => false,
    announce() {},
    async listen() {},
    // A job that is not known is missing.
    async look(asked) {
      const states = new Map<string, JobState>();
      for (const { id } of asked) {
        const stored = jobs.get(id);
        if (stored !== undefined) states.set(id, stored.state);
      }
      return states;
    },
    // The levels of jobs that arrive, and of those that wait already.
    async watchArrivals(queue, onArrival) {
      const watcher = { queue, onArrival };
      watchers.add(watcher);
      for (const { job } of jobs.values()) if (job.queue === queue) onArrival(job.level);
      return async () => void watchers.delete(watcher);
    },
    openLane: (options) => new ToyLane(jobs, hosts, options),
    async obliterate() {
      jobs.clear();
    },
    async close() {
      hosts.delete(host);
    },
  });
}

register(queueEngineSuite({ name: 'toy engine', make: () => ({ engine: toyEngine() }) }), { describe, it });
