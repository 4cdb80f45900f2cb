import { type CancelTimer, onAbort, systemClock } from '../core/index.ts';
import { isOutcome, type JobOutcome, type JobReference, type JobState, type QueueEngine } from './engine/index.ts';
import { JobsClosedError, JobTimeoutError } from './errors.ts';
import { toError } from './remote-failure.ts';

export interface WaitOptions {
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: unknown) => void) | undefined;
}

interface Waiter {
  readonly job: JobReference;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: ((progress: unknown) => void) | undefined;
  readonly since: number;
  /** When it is looked up next, and how long after that again. */
  lookAt: number;
  pause: number;
  lastState: JobState['status'] | undefined;
  lastProgress: string | undefined;
  lastError: unknown;
  /** Enqueues it once more; it keeps its id, so one that is there stays as it is. */
  readonly resend: (() => Promise<void>) | undefined;
  /** The engine was away, and may have come back without it. */
  mayBeLost: boolean;
}

const firstLook = 50;
const longestPause = 1_000;
const mostAtOnce = 1_000;

/** Where the answers of jobs that the engine has forgotten, or is about to redeliver, may be found. */
export type FindRecorded = (jobs: readonly JobReference[]) => Promise<ReadonlyMap<string, JobOutcome>>;

/**
 * Waits for the ends of jobs: by the engine's events, by looking the states up with growing pauses
 * (events are lost: by a reconnect, a removed job, a late waiter), and never longer than the timeout.
 */
export class Waiting {
  readonly #engine: QueueEngine;
  readonly #findRecorded: FindRecorded;
  readonly #waiters = new Map<string, Set<Waiter>>();
  #cancelTimer: CancelTimer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #looking = false;

  constructor(engine: QueueEngine, findRecorded: FindRecorded) {
    this.#engine = engine;
    this.#findRecorded = findRecorded;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** @throws what the job failed with; JobTimeoutError; the signal's reason */
  waitFor(
    job: JobReference,
    { timeout, signal, onProgress }: WaitOptions,
    resend?: () => Promise<void>,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const now = systemClock.now();
      const end = (): void => {
        cancelTimer();
        stop?.();
        this.#remove(waiter);
      };
      const waiter: Waiter = {
        job,
        resolve: (value) => {
          end();
          resolve(value);
        },
        reject: (error) => {
          end();
          reject(error);
        },
        onProgress,
        since: now,
        lookAt: now + firstLook,
        pause: firstLook,
        lastState: undefined,
        lastProgress: undefined,
        lastError: undefined,
        resend,
        mayBeLost: false,
      };
      const cancelTimer = systemClock.setTimer(() => waiter.reject(timedOut(waiter, timeout)), timeout);
      const stop = signal && onAbort(signal, () => waiter.reject(signal.reason));
      this.#add(waiter);
    });
  }

  /** An event: the job has ended. */
  settled(id: string, outcome: JobOutcome | undefined): void {
    const waiters = this.#waiters.get(id);
    if (waiters === undefined) return;
    // What cannot be is a hint too.
    if (!isOutcome(outcome)) this.lookNow(waiters);
    else for (const waiter of waiters) finish(waiter, outcome);
  }

  progressed(id: string, progress: unknown): void {
    for (const waiter of this.#waiters.get(id) ?? []) tellProgress(waiter, progress);
  }

  /** Looks up these, or everything that is waited for, at once. */
  lookNow(waiters: Iterable<Waiter> = [...this.#waiters.values()].flatMap((set) => [...set])): void {
    const now = systemClock.now();
    for (const waiter of waiters) waiter.lookAt = now;
    this.#schedule(now);
  }

  /** The engine is back; events were lost, and a server that keeps nothing on disk has lost the jobs too. */
  reconnected(): void {
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter.mayBeLost = true;
    this.lookNow();
  }

  close(): void {
    for (const waiters of this.#waiters.values()) {
      for (const waiter of waiters) waiter.reject(closed(waiter.job));
    }
    this.#cancelTimer?.();
  }

  #add(waiter: Waiter): void {
    const { id } = waiter.job;
    const waiters = this.#waiters.get(id) ?? new Set();
    waiters.add(waiter);
    this.#waiters.set(id, waiters);
    this.#schedule(waiter.lookAt);
  }

  #remove(waiter: Waiter): void {
    const { id } = waiter.job;
    const waiters = this.#waiters.get(id);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(id);
  }

  #schedule(at: number): void {
    if (this.#looking || at >= this.#timerAt) return;
    this.#cancelTimer?.();
    this.#timerAt = at;
    const look = (): void => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      void this.#look();
    };
    this.#cancelTimer = systemClock.setTimer(look, Math.max(0, at - systemClock.now()));
  }

  async #look(): Promise<void> {
    this.#looking = true;
    const now = systemClock.now();
    const due: Waiter[] = [];
    for (const waiters of this.#waiters.values()) {
      for (const waiter of waiters) if (waiter.lookAt <= now && due.length < mostAtOnce) due.push(waiter);
    }
    for (const waiter of due) {
      waiter.lookAt = now + waiter.pause;
      waiter.pause = Math.min(waiter.pause * 2, longestPause);
    }
    if (due.length > 0) await this.#lookUp(due);
    this.#looking = false;
    let next = Number.POSITIVE_INFINITY;
    for (const waiters of this.#waiters.values()) for (const { lookAt } of waiters) next = Math.min(next, lookAt);
    if (next !== Number.POSITIVE_INFINITY) this.#schedule(next);
  }

  async #lookUp(due: readonly Waiter[]): Promise<void> {
    try {
      const states = await this.#engine.look(due.map(({ job }) => job));
      const open: Waiter[] = [];
      for (const waiter of due) {
        const state = states.get(waiter.job.id);
        waiter.lastState = state?.status;
        waiter.lastError = undefined;
        if (state?.progress !== undefined) tellProgress(waiter, state.progress);
        if (state?.outcome !== undefined) finish(waiter, state.outcome);
        // What the engine does not know may have been handled and removed; what runs for long may be
        // about to be handed out again although it has committed.
        else if (state === undefined || (state.status === 'active' && waiter.pause === longestPause)) open.push(waiter);
      }
      if (open.length === 0) return;
      const recorded = await this.#findRecorded(open.map(({ job }) => job));
      for (const waiter of open) {
        const outcome = recorded.get(waiter.job.id);
        if (outcome !== undefined) finish(waiter, outcome);
        else if (waiter.lastState === undefined && waiter.mayBeLost) await sendAgain(waiter);
      }
    } catch (error) {
      // The engine is away: it is asked again, and the timeout stays. What was wrong is told with that.
      for (const waiter of due) waiter.lastError = error;
    }
  }
}

async function sendAgain(waiter: Waiter): Promise<void> {
  waiter.mayBeLost = false;
  await waiter.resend?.();
}

function finish(waiter: Waiter, outcome: JobOutcome): void {
  if (outcome.type === 'completed') waiter.resolve(outcome.value);
  else waiter.reject(toError(outcome.failure, waiter.job));
}

function tellProgress(waiter: Waiter, progress: unknown): void {
  if (waiter.onProgress === undefined) return;
  const json = written(progress);
  if (json === undefined || json === waiter.lastProgress) return;
  waiter.lastProgress = json;
  try {
    waiter.onProgress(progress);
  } catch (error) {
    waiter.reject(error);
  }
}

/** What comes from outside may be nested deeper than can be written: that is no progress. */
function written(progress: unknown): string | undefined {
  try {
    return JSON.stringify(progress);
  } catch {
    return undefined;
  }
}

function timedOut({ job, lastState, lastError, resend }: Waiter, timeout: number): JobTimeoutError {
  const known: Record<JobState['status'], string> = {
    waiting: 'it was waiting for a worker',
    active: 'it was running',
    completed: 'it had ended',
    failed: 'it had failed',
  };
  const state = lastState === undefined ? 'nothing is known of it' : known[lastState];
  const engine = lastError === undefined ? '' : ', and the queue could not be asked';
  return new JobTimeoutError({
    what: `The job ${job.id} of queue "${job.queue}" (level ${job.level}) did not answer within ${Math.round(timeout)} ms; when last seen ${state}${engine}`,
    remedy: `${fateOf(lastState, resend !== undefined)}. ${adviceFor(lastState)}`,
    cause: lastError,
    jobId: job.id,
    lastState,
  });
}

/** @param isRequest the job has the time of its caller, and no worker runs it after that */
function fateOf(lastState: JobState['status'] | undefined, isRequest: boolean): string {
  switch (lastState) {
    case 'waiting':
      return isRequest
        ? 'It was not running: a worker that takes it now refuses it, since the time of its caller is over'
        : 'It was not running, and stays in the queue until a worker takes it';
    case 'active':
      return 'It may still be running';
    case 'completed':
    case 'failed':
      return 'It has ended, and its answer has not arrived';
    case undefined:
      return 'It may still run';
  }
}

function adviceFor(lastState: JobState['status'] | undefined): string {
  return lastState === 'active'
    ? 'Give a longer timeout'
    : 'Check that a worker handles the queue and has free slots, or give a longer timeout';
}

function closed({ id, queue }: JobReference): JobsClosedError {
  return new JobsClosedError({
    what: `The wait for job ${id} of queue "${queue}" was ended, because the jobs of this process were closed`,
    remedy: 'The job itself continues. Close jobs after the work that waits for them',
  });
}
