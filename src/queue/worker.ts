import { AsyncLocalStorage } from 'node:async_hooks';
import { reportBackgroundError } from '../channels/index.ts';
import {
  type Check,
  readOptions,
  type CancelTimer,
  endsWithin,
  integer,
  InvalidOptionError,
  longestTimer,
  sleep,
  systemClock,
  typeName,
  milliseconds,
} from '../core/index.ts';
import { assertOpen, type Database, internalsOf } from '../database/index.ts';
import { readTransactionOptions, type TransactionOptions } from '../transaction/index.ts';
import type { AsJson } from '../payload/index.ts';
import type { QueueDefinition } from './definition.ts';
import type { EngineLane } from './engine/index.ts';
import type { EngineRuntime } from './engine-runtime.ts';
import { assertHandled } from './handled-queue.ts';
import { type HandleOptions, type JobHandler, type JobRunner, runJob } from './run-job.ts';

/** Options of closing workers. */
export interface WorkerCloseOptions {
  /** How long running jobs may take to end, in milliseconds; then they are rolled back and go back into the queue. Default 10,000. */
  readonly timeout?: number | undefined;
}

/** A queue that a worker handles, with a lane for each level at which jobs have arrived. */
interface Handled {
  readonly runner: Omit<JobRunner, 'level' | 'concurrency'>;
  readonly concurrency: number;
  readonly lanes: Map<number, EngineLane>;
  unwatch: (() => Promise<void>) | undefined;
}

export const closeChecks: Record<keyof WorkerCloseOptions, Check> = { timeout: milliseconds(0) };
/** A job has a transaction of its own, which ends with the job. */
const aJobTransaction: Check = Object.assign(
  (value: unknown) => {
    if (value === false) return undefined;
    const foreign = (['propagation', 'signal', 'timeout'] as const).find(
      (name) => (value as TransactionOptions)[name] !== undefined,
    );
    return foreign === undefined ? undefined : `it without "${foreign}": a job has a transaction of its own`;
  },
  { read: (value: unknown) => (value === false ? value : readTransactionOptions(value as TransactionOptions)) },
);
const handleChecks: Record<keyof HandleOptions, Check> = {
  transaction: aJobTransaction,
  concurrency: integer(1, 10_000),
};

/** How long it may take after the timeout of a closing to say goodbye to a server, which may be away, in milliseconds. */
export const closeGrace = 2_000;

const pristine = AsyncLocalStorage.snapshot();
const retryPause = 1_000;

/**
 * Runs jobs. Those of one queue are taken in lanes, one for each level, each with its own slots: a job that
 * awaits a job of its own queue waits for a slot of a deeper lane, which no waiting job can hold.
 */
export class Worker {
  readonly #database: Database;
  readonly #runtime: EngineRuntime;
  readonly #known: ReadonlySet<string>;
  readonly #handled = new Map<string, Handled>();
  readonly #release = new AbortController();
  readonly #closed = new AbortController();
  readonly #starting: Promise<void>[] = [];
  #forgetDatabase: () => void = () => {};
  #state: 'open' | 'paused' | 'closed' = 'open';
  #closing: Promise<void> | undefined;

  constructor(database: Database, runtime: EngineRuntime, known: ReadonlySet<string>) {
    this.#database = database;
    this.#runtime = runtime;
    this.#known = known;
    // Else it would take jobs, and each of them would fail.
    this.#forgetDatabase = internalsOf(database).onClose(() => {
      pristine(() => this.close()).catch((error: unknown) => reportBackgroundError({ source: 'worker', error }));
    });
  }

  /**
   * From now on runs the jobs of a queue.
   *
   * ```ts
   * const worker = jobs.worker();
   * worker.handle(invoice, async ({ orderId }, job) => {
   *   await job.progress('writing');
   *   return `INV-${orderId}`;
   * });
   * ```
   * @throws UnknownQueueError, InvalidOptionError; DatabaseClosedError
   */
  handle<Data, Result>(
    queue: QueueDefinition<Data, Result>,
    handler: JobHandler<AsJson<Data>, NoInfer<Result>>,
    given: HandleOptions = {},
  ): this {
    this.#check(queue, handler);
    const options = readOptions('handle', given, handleChecks);
    const handled: Handled = {
      runner: {
        database: this.#database,
        engine: this.#runtime.engine,
        queue: queue as QueueDefinition,
        handler: handler as JobHandler<unknown, unknown>,
        options,
        closed: this.#closed.signal,
        release: this.#release.signal,
      },
      concurrency: options.concurrency ?? queue.options.concurrency,
      lanes: new Map(),
      unwatch: undefined,
    };
    this.#handled.set(queue.name, handled);
    // Nothing of what is ambient here belongs to the jobs.
    this.#starting.push(pristine(() => this.#start(handled)));
    return this;
  }

  /** Resolves when jobs of all its queues are taken. */
  async ready(): Promise<void> {
    await Promise.all(this.#starting);
  }

  /** Takes no more jobs; those that run go on. */
  async pause(): Promise<void> {
    if (this.#state === 'open') this.#state = 'paused';
    await Promise.all(this.#lanes().map((lane) => lane.pause()));
  }

  /** Takes jobs again after `pause()`; without effect otherwise. @throws InvalidOptionError after `close()`, which is for good; DatabaseClosedError */
  resume(): void {
    if (this.#state === 'closed') throw this.#closedError('was to resume');
    if (this.#state !== 'paused') return;
    this.#state = 'open';
    for (const lane of this.#lanes()) lane.resume();
  }

  /**
   * Takes no more jobs, and lets those that run end, or go back when they take too long. Where the engine's server is away
   * they cannot go back; the closing ends all the same, and they are handed out again as those of a lost worker.
   *
   * ```ts
   * process.on('SIGTERM', () => void worker.close({ timeout: 5_000 }));
   * ```
   */
  async close(options: WorkerCloseOptions = {}): Promise<void> {
    const { timeout = 10_000 } = readOptions('close', options, closeChecks);
    await (this.#closing ??= this.#close(timeout));
  }

  /** The same as `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeout: number): Promise<void> {
    this.#state = 'closed';
    this.#forgetDatabase();
    this.#closed.abort();
    let cancelTimer: CancelTimer | undefined;
    if (timeout === 0) this.#release.abort();
    else cancelTimer = systemClock.setTimer(() => this.#release.abort(), timeout);
    // The lanes first, and at once: a slot that becomes free from now on stays empty.
    const closing = Promise.all([...this.#lanes().map((lane) => lane.close()), this.#stopWatching()]);
    await endsWithin(systemClock, closing, Math.min(timeout + closeGrace, longestTimer)).finally(cancelTimer);
  }

  async #stopWatching(): Promise<void> {
    await Promise.all(this.#starting);
    await Promise.all([...this.#handled.values()].map(async ({ unwatch }) => await unwatch?.()));
  }

  /** Tries until the engine is there, or the worker closes. */
  async #start(handled: Handled): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        await this.#untilClosed(this.#watch(handled));
        return;
      } catch (error) {
        reportBackgroundError({ source: `worker of queue "${handled.runner.queue.name}"`, error });
        await sleep(systemClock, retryPause, signal).catch(() => {});
      }
    }
  }

  async #watch(handled: Handled): Promise<void> {
    const { engine } = this.#runtime;
    const { name } = handled.runner.queue;
    await this.#runtime.ready();
    if (this.#closed.signal.aborted) return;
    const watching = engine.watchArrivals(name, (level) => this.#openLane(handled, level));
    const unwatch = await this.#runtime.reportIfSlow(`worker of queue "${name}"`, watching);
    if (this.#closed.signal.aborted) await unwatch();
    handled.unwatch = unwatch;
  }

  /** Whatever is away, the closing does not wait for it. */
  #untilClosed(work: Promise<void>): Promise<void> {
    const { signal } = this.#closed;
    return new Promise((resolve, reject) => {
      const done = (): void => resolve();
      signal.addEventListener('abort', done, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', done));
    });
  }

  /** A level comes from outside: none is made that there is not. */
  #openLane(handled: Handled, level: number): void {
    const { runner, lanes, concurrency } = handled;
    if (this.#state === 'closed' || lanes.has(level)) return;
    if (!Number.isInteger(level) || level < 0 || level > this.#runtime.maxLevel) return;
    const lane = pristine(() =>
      this.#runtime.engine.openLane({
        queue: runner.queue.name,
        level,
        concurrency,
        paused: this.#state === 'paused',
        run: (delivery) => runJob({ ...runner, level, concurrency }, delivery),
      }),
    );
    lanes.set(level, lane);
  }

  #lanes(): EngineLane[] {
    return [...this.#handled.values()].flatMap(({ lanes }) => [...lanes.values()]);
  }

  #check(queue: QueueDefinition<never>, handler: unknown): void {
    assertHandled(queue, handler, this.#known);
    const problem =
      typeof handler !== 'function'
        ? `${typeName(handler)} for its handler`
        : this.#handled.has(queue.name)
          ? 'a second handler'
          : undefined;
    if (problem !== undefined) {
      throw new InvalidOptionError({
        what: `The queue "${queue.name}" got ${problem}`,
        remedy: 'Give one function for each queue of a worker',
      });
    }
    if (this.#state === 'closed') throw this.#closedError('got a handler');
  }

  /** The database that was closed closes its workers. */
  #closedError(what: string): InvalidOptionError {
    assertOpen(this.#database);
    return new InvalidOptionError({ what: `A worker that is closed ${what}`, remedy: 'Make a new worker' });
  }
}
