import { frameOfCall, type Frame, holdsAtOrAbove, type OpenTransaction } from '../context/index.ts';
import { aFunction, aSignal, readOptions, type Checks, systemClock, milliseconds } from '../core/index.ts';
import { deadlineExceeded } from '../connection/index.ts';
import type { AsJson } from '../payload/index.ts';
import type { QueueDefinition } from './definition.ts';
import type { JobReference, JobState } from './engine/index.ts';
import type { EngineRuntime } from './engine-runtime.ts';
import { JobDroppedError, WouldDeadlockError } from './errors.ts';

/** Options of waiting for a job's result. */
export interface AwaitOptions {
  /** Milliseconds. Default: until the deadline of the chain, or else the queue's `timeout`. */
  readonly timeout?: number | undefined;
  /** Ends the wait, not the job. */
  readonly signal?: AbortSignal | undefined;
  /** Is told how far the job is. */
  readonly onProgress?: ((progress: unknown) => void) | undefined;
}

export const awaitChecks: Checks = { timeout: milliseconds(1), signal: aSignal, onProgress: aFunction };

/** A job that was pushed. */
export class JobHandle<Result = unknown> {
  /** The job's UUID. */
  readonly id: string;
  /** The name of the queue. */
  readonly queue: string;
  /** The level at which the job runs. */
  readonly level: number;
  readonly #runtime: EngineRuntime;
  readonly #definition: QueueDefinition<never, Result>;
  /** The transaction with whose commit it leaves. */
  readonly #transaction: OpenTransaction | undefined;
  #dropped = false;

  constructor(
    runtime: EngineRuntime,
    definition: QueueDefinition<never, Result>,
    { id, queue, level }: JobReference,
    transaction: OpenTransaction | undefined,
  ) {
    this.id = id;
    this.queue = queue;
    this.level = level;
    this.#runtime = runtime;
    this.#definition = definition;
    this.#transaction = transaction;
  }

  /**
   * Waits for the result.
   *
   * ```ts
   * const handle = await jobs.queues.invoice.push({ orderId: id });
   * const number = await handle.result({ timeout: 10_000 });
   * ```
   * @throws WouldDeadlockError at once, where the job can only run after the caller has ended something;
   * JobDroppedError after a rollback; RemoteError; JobTimeoutError
   */
  async result(options: AwaitOptions = {}): Promise<AsJson<Result>> {
    const { timeout: given, signal, onProgress } = readOptions('result of a job', options, awaitChecks);
    const frame = frameOfCall();
    this.#assertMayWait(frame);
    const timeout = waitTime(given, frame, this.#definition.options.timeout);
    const waiting = this.#runtime.waitFor(this, { timeout, signal, onProgress });
    return (await waitingForJob(frame, this, waiting)) as AsJson<Result>;
  }

  /** What the job has told last of how far it is; nothing where it has told nothing. */
  async progress(): Promise<unknown> {
    return (await this.#runtime.look(this))?.progress;
  }

  /** Where the job is; undefined where the queue does not know it yet, or has removed it. */
  async status(): Promise<JobState['status'] | undefined> {
    return (await this.#runtime.look(this))?.status;
  }

  /** Notes that the transaction that it was to leave with was rolled back. */
  drop(): void {
    this.#dropped = true;
  }

  #assertMayWait(frame: Frame | undefined): void {
    const { id, queue, level } = this;
    if (this.#dropped) {
      throw new JobDroppedError({
        what: `The job ${id} of queue "${queue}" does not exist: the transaction that pushed it was rolled back`,
        remedy: 'Push it again in a transaction that commits',
      });
    }
    if (this.#transaction !== undefined && isWithin(frame, this.#transaction)) {
      throw new WouldDeadlockError({
        what: `The result of job ${id} of queue "${queue}" was awaited inside the transaction that sends the job with its commit`,
        remedy: 'Await it after the transaction, or use pushAsync, which enqueues at once',
        chain: [this.#transaction.describe()],
      });
    }
    if (holdsAtOrAbove(frame, level)) {
      throw new WouldDeadlockError({
        what: `The result of job ${id} of queue "${queue}", which runs at level ${level}, was awaited by a chain that holds a connection at that level or deeper`,
        remedy:
          'Await it outside of the transaction, or use pushAsync, which runs the job deeper than all that the chain holds',
      });
    }
  }
}

/** Waits for a job as those who look on see it. */
export async function waitingForJob<Result>(
  frame: Frame | undefined,
  { queue, id: jobId, level }: JobReference,
  answer: Promise<Result>,
): Promise<Result> {
  const end = frame?.innermost?.record.waitsFor({ type: 'job', queue, jobId, level });
  try {
    return await answer;
  } finally {
    end?.();
  }
}

/** The option, else the deadline of the chain, else the queue's default; never past the deadline. @throws DeadlineExceededError */
export function waitTime(option: number | undefined, frame: Frame | undefined, byDefault: number): number {
  const deadline = frame?.chain?.deadline;
  if (deadline === undefined) return option ?? byDefault;
  const remaining = deadline - systemClock.now();
  if (remaining <= 0) throw deadlineExceeded('The wait for a job');
  return Math.min(option ?? remaining, remaining);
}

function isWithin(frame: Frame | undefined, transaction: OpenTransaction): boolean {
  for (let open = frame?.innermost; open !== undefined; open = open.outer) {
    if (open === transaction) return open.isOpen;
  }
  return false;
}
