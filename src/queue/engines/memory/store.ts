import { type CancelTimer, systemClock } from '../../../core/index.ts';
import type { EngineHost, EngineJob, JobOutcome, JobState, RemoteFailure } from '../../engine/index.ts';

export interface StoredJob {
  readonly job: EngineJob;
  readonly order: number;
  status: JobState['status'];
  failures: number;
  outcome: JobOutcome | undefined;
  progress: unknown;
  cancelTimer: CancelTimer | undefined;
  lastFailure: RemoteFailure | undefined;
  readonly addedAt: number;
  availableAt: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
}

/** What takes jobs. */
interface StoreLane {
  takes(job: EngineJob): boolean;
  wake(): void;
}

/** What is told at which levels jobs of a queue arrive. */
interface ArrivalWatcher {
  readonly queue: string;
  readonly onArrival: (level: number) => void;
}

/** How many jobs that have ended are kept for those who ask late. */
const mostEnded = 10_000;

/** The jobs of a process, shared by all that use the same `memory()`. */
export class MemoryStore {
  readonly jobs: Map<string, StoredJob> = new Map();
  readonly hosts: Set<EngineHost> = new Set();
  readonly lanes: Set<StoreLane> = new Set();
  readonly arrivals: Set<ArrivalWatcher> = new Set();
  readonly #ended: string[] = [];
  #count = 0;

  add(job: EngineJob): void {
    if (this.jobs.has(job.id)) return;
    this.#count += 1;
    const stored: StoredJob = {
      job,
      order: this.#count,
      status: 'waiting',
      failures: 0,
      outcome: undefined,
      progress: undefined,
      cancelTimer: undefined,
      lastFailure: undefined,
      addedAt: Date.now(),
      availableAt: 0,
      startedAt: undefined,
      endedAt: undefined,
    };
    this.jobs.set(job.id, stored);
    this.wait(stored, job.delay);
  }

  clear(): void {
    for (const { cancelTimer } of this.jobs.values()) cancelTimer?.();
    this.jobs.clear();
  }

  /** Lets a job wait in its lane, after a delay. */
  wait(stored: StoredJob, delay: number): void {
    stored.status = 'waiting';
    stored.availableAt = Date.now() + delay;
    stored.startedAt = undefined;
    const ready = (): void => {
      stored.cancelTimer = undefined;
      const { queue, level } = stored.job;
      for (const watcher of this.arrivals) if (watcher.queue === queue) watcher.onArrival(level);
      for (const lane of this.lanes) if (lane.takes(stored.job)) lane.wake();
    };
    if (delay > 0) stored.cancelTimer = systemClock.setTimer(ready, delay, true);
    else queueMicrotask(ready);
  }

  /** The job that is next in a lane. */
  next(queue: string, level: number): StoredJob | undefined {
    let best: StoredJob | undefined;
    for (const stored of this.jobs.values()) {
      const { job, status, cancelTimer } = stored;
      if (status !== 'waiting' || cancelTimer !== undefined || job.queue !== queue || job.level !== level) continue;
      if (best === undefined || job.priority < best.job.priority) best = stored;
    }
    return best;
  }

  end(stored: StoredJob, outcome: JobOutcome): void {
    stored.status = outcome.type;
    stored.outcome = outcome;
    stored.endedAt = Date.now();
    const { id } = stored.job;
    this.#ended.push(id);
    if (this.#ended.length > mostEnded) this.jobs.delete(this.#ended.shift() ?? '');
    for (const { events } of this.hosts) events.onSettled(id, outcome);
  }

  /** Lets a job that has failed run again, as if it never had. */
  retry(stored: StoredJob): void {
    if (stored.outcome?.type === 'failed') stored.lastFailure = stored.outcome.failure;
    this.#ended.splice(this.#ended.indexOf(stored.job.id), 1);
    Object.assign(stored, { failures: 0, outcome: undefined, endedAt: undefined });
    this.wait(stored, 0);
  }

  /** Forgets a job that does not run. @param outcome for those who wait for it */
  discard(stored: StoredJob, outcome: JobOutcome): void {
    const { id } = stored.job;
    stored.cancelTimer?.();
    this.jobs.delete(id);
    if (stored.outcome === undefined) for (const { events } of this.hosts) events.onSettled(id, outcome);
    else this.#ended.splice(this.#ended.indexOf(id), 1);
  }
}
