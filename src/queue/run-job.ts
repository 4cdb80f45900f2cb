import { AsyncLocalStorage } from 'node:async_hooks';
import { fail, jobEnd, JobRunTrace, jobRunTrace, reportBackgroundError, isWatched } from '../channels/index.ts';
import { type Frame, type HeldByJob, runInFrame } from '../context/index.ts';
import { fieldOf, isInstance, onAbort, SluiceError, systemClock } from '../core/index.ts';
import { type Database, type Db, enterChain, internalsOf } from '../database/index.ts';
import { decodeContext, invalidContext, traceOf } from '../envelope/index.ts';
import { toJson } from '../payload/index.ts';
import { recordInInbox } from '../outbox/index.ts';
import { deadlineExceeded } from '../connection/index.ts';
import { AfterCommitError, refuseDeferred, type TransactionOptions } from '../transaction/index.ts';
import type { QueueDefinition } from './definition.ts';
import type { Delivery, JobEnvelope, JobOutcome, JobReference, QueueEngine, Settlement } from './engine/index.ts';
import { JobOverrunError, JobReleasedError } from './errors.ts';
import { describeFailure, isFinal, toError } from './remote-failure.ts';
import { engineClientName, recordedOutcomes } from './outbox-jobs.ts';

/** A job, as its handler sees it. */
export interface Job {
  /** Also the key with which effects outside of the database can be made once. */
  readonly id: string;
  /** The name of the queue. */
  readonly queue: string;
  /** The level at which the job runs. */
  readonly level: number;
  /** 1 for the first run. */
  readonly attempt: number;
  /** How often the job may fail, the first run included. */
  readonly attempts: number;
  /** Aborts when the job is to end: its time is up, its caller has stopped waiting, or the worker closes. */
  readonly signal: AbortSignal;
  /** Reports progress to the waiting caller. Any JSON. */
  progress(value: unknown): Promise<void>;
}

/** Runs one job. What it returns is the job's result; what it throws fails the run. */
export type JobHandler<Data, Result> = (data: Data, job: Job) => Result | PromiseLike<Result>;

/** Options of a handler. */
export interface HandleOptions {
  /**
   * The transaction that the handler runs in, which also acknowledges the job, so that its effects happen
   * once. `false`: none; then a job that is lost with its worker runs again with all its effects. Default: one.
   */
  readonly transaction?: false | Omit<TransactionOptions, 'propagation' | 'signal' | 'timeout'> | undefined;
  /** How many jobs run at once in each lane. Default: the queue's. */
  readonly concurrency?: number | undefined;
}

/** All that running a job needs. */
export interface JobRunner {
  readonly database: Database;
  readonly engine: QueueEngine;
  readonly queue: QueueDefinition;
  readonly level: number;
  readonly handler: JobHandler<unknown, unknown>;
  readonly options: HandleOptions;
  /** How many run at once in its lane. */
  readonly concurrency: number;
  /** Aborts when no more jobs are taken. */
  readonly closed: AbortSignal;
  /** Aborts when running jobs have to go back. */
  readonly release: AbortSignal;
}

/** The async context of this module's loading, in which nothing of the program is ambient. */
const pristine = AsyncLocalStorage.snapshot();

/** Runs a job that a lane has taken. Never rejects: how it ended is a value. */
export async function runJob(runner: JobRunner, delivery: Delivery): Promise<Settlement> {
  const start = systemClock.now();
  const settlement = await pristine(() =>
    isWatched(jobRunTrace) ? traceRun(runner, delivery) : attemptJob(runner, delivery, undefined),
  );
  if (jobEnd.hasSubscribers) {
    const { queue, level } = runner;
    const outcome = settlement.type === 'acknowledged' ? 'completed' : settlement.type;
    const duration = systemClock.now() - start;
    jobEnd.publish({ queue: queue.name, id: delivery.id, level, attempt: delivery.attempt, outcome, duration });
  }
  return settlement;
}

function traceRun(runner: JobRunner, delivery: Delivery): Promise<Settlement> {
  const { database, engine, queue, level } = runner;
  const { id: jobId, attempt } = delivery;
  const clientName = internalsOf(database).defaultClientName;
  const waited = waitedFor(delivery, engine);
  const name = `job ${queue.name}`;
  const place = { parentId: undefined, clientName, level, name, attempt };
  const details = {
    ...place,
    queue: queue.name,
    jobId,
    waited,
    pushedIn: traceOf(fieldOf(delivery.envelope, 'context')),
  };
  const event = new JobRunTrace(details);
  return jobRunTrace.run(
    event,
    () => attemptJob(runner, delivery, event.id),
    (settlement) => {
      event.outcome = settlement.type === 'acknowledged' ? 'completed' : settlement.type;
      const error = failureOf(settlement, { id: jobId, queue: queue.name, level });
      if (error !== undefined) fail(event, error);
    },
  );
}

/** By two clocks; what the envelope says is checked only later. */
function waitedFor({ envelope }: Delivery, engine: QueueEngine): number | undefined {
  const sentAt = fieldOf(envelope, 'sentAt');
  return typeof sentAt === 'number' && Number.isFinite(sentAt) ? Math.max(0, engine.now() - sentAt) : undefined;
}

function failureOf(settlement: Settlement, job: JobReference): unknown {
  if (settlement.type === 'retry') return toError(settlement.failure, job);
  const outcome = settlement.type === 'failed' ? settlement.outcome : undefined;
  return outcome?.type === 'failed' ? toError(outcome.failure, job) : undefined;
}

/** @param id names the run in events */
async function attemptJob(runner: JobRunner, delivery: Delivery, id: string | undefined): Promise<Settlement> {
  const limits = new JobLimits(runner, delivery);
  let frame: Frame | undefined;
  try {
    const envelope = checkEnvelope(runner, delivery);
    frame = enterJob(runner, envelope, { id, job: jobOf(runner, delivery) });
    limits.start(frame.chain?.deadline);
    return await runInFrame(frame, () => runHandler(runner, delivery, envelope, limits.signal), undefined);
  } catch (error) {
    // One that was taken while the database closed has not come to anything, and goes back.
    if (limits.released || (runner.closed.aborted && SluiceError.find(error)?.code === 'DATABASE_CLOSED'))
      return { type: 'released' };
    const reason = limits.signal.aborted && limits.signal.reason === error ? limits.signal.reason : error;
    const failure = describeFailure(reason);
    if (!isFinal(error) && delivery.attempt < delivery.attempts) return { type: 'retry', failure };
    return { type: 'failed', outcome: { type: 'failed', failure } };
  } finally {
    frame?.baseLevel?.end();
    limits.stop();
  }
}

/** What came from outside is checked before anything is made from it. @throws InvalidContextError */
function checkEnvelope({ queue }: JobRunner, { id, envelope }: Delivery): JobEnvelope {
  if (typeof envelope !== 'object' || envelope === null) throw invalidContext('the job is no envelope');
  const { v, id: ownId, queue: ownQueue, sentAt } = envelope as Partial<Record<keyof JobEnvelope, unknown>>;
  if (v !== 1) throw invalidContext('the version of the job is unknown');
  if (ownId !== id || ownQueue !== queue.name) throw invalidContext('the job says that it is another one');
  if (sentAt !== undefined && !Number.isFinite(sentAt)) throw invalidContext('the time of the job is none');
  return envelope as JobEnvelope;
}

/** @throws InvalidContextError; DeadlineExceededError when the caller has stopped waiting for the job */
function enterJob(
  { database, engine, level }: JobRunner,
  { context, sentAt }: JobEnvelope,
  entry: { readonly id: string | undefined; readonly job: HeldByJob },
): Frame {
  const received = decodeContext(context, internalsOf(database).maxLevel);
  if (received.level !== level)
    throw invalidContext(`the job of level ${received.level} is in the lane of level ${level}`);
  return enterChain(database, { ...received, timeout: remainingOf(received.timeout, sentAt, engine.now()) }, entry);
}

function jobOf({ queue, level, concurrency }: JobRunner, { id }: Delivery): HeldByJob {
  return { id, queue: queue.name, level, concurrency };
}

function remainingOf(timeout: number | undefined, sentAt: number | undefined, now: number): number | undefined {
  if (timeout === undefined) return undefined;
  if (sentAt === undefined) throw invalidContext('the job has a timeout, and no time from which it counts');
  // Rounded down, since timers are not exact to less than a millisecond.
  return Math.floor(timeout - Math.max(0, now - sentAt));
}

async function runHandler(
  runner: JobRunner,
  delivery: Delivery,
  envelope: JobEnvelope,
  signal: AbortSignal,
): Promise<Settlement> {
  const { database, engine, queue, handler, options } = runner;
  const db = database.current;
  const { transactionalAck, redelivers } = engine.capabilities;
  const usesInbox = options.transaction !== false && !transactionalAck && redelivers;
  if (usesInbox && delivery.redelivered) {
    const recorded = (await recordedOutcomes(db, queue.name, [delivery.id])).get(delivery.id);
    if (recorded !== undefined) return { type: 'completed', outcome: recorded };
  }
  const job: Job = {
    id: delivery.id,
    queue: queue.name,
    level: runner.level,
    attempt: delivery.attempt,
    attempts: delivery.attempts,
    signal,
    progress: async (value) => {
      const { value: plain } = toJson(
        `The progress of a job of queue "${queue.name}"`,
        value,
        queue.options.maxPayload,
        'the queue',
      );
      await delivery.progress(plain);
    },
  };
  const body = async (): Promise<JobOutcome> => {
    const value = await handler(envelope.data, job);
    refuseDeferred(value, `job ${queue.name}`);
    const { value: plain } = toJson(
      `The result of a job of queue "${queue.name}"`,
      value,
      queue.options.maxPayload,
      'the queue',
      { functions: 'left out' },
    );
    return plain === undefined ? { type: 'completed' } : { type: 'completed', value: plain };
  };
  if (options.transaction === false) return { type: 'completed', outcome: await untilAborted(body(), signal) };
  return await inTransaction(runner, delivery, { db, body, signal, usesInbox });
}

interface TransactionalRun {
  readonly db: Db;
  readonly body: () => Promise<JobOutcome>;
  readonly signal: AbortSignal;
  readonly usesInbox: boolean;
}

/** Effects and acknowledgement in one transaction; a handler that sends no statement costs none. */
async function inTransaction(
  { database, engine, queue, options }: JobRunner,
  delivery: Delivery,
  { db, body, signal, usesInbox }: TransactionalRun,
): Promise<Settlement> {
  const { transaction } = options;
  const given = transaction === false ? {} : transaction;
  const isEngineClient = engineClientName(database, engine) === db.clientName;
  try {
    return await db.transaction.begin(
      async (): Promise<Settlement> => {
        const outcome = await body();
        if (db.transaction.active?.hasStarted !== true) return { type: 'completed', outcome };
        if (delivery.acknowledge !== undefined && isEngineClient) {
          if (!(await delivery.acknowledge(db, outcome))) throw lost(queue.name, delivery.id);
          return { type: 'acknowledged', outcome };
        }
        if (usesInbox) await recordInInbox(db, queue.name, delivery.id, JSON.stringify(outcome));
        return { type: 'completed', outcome };
      },
      { name: `job ${queue.name}`, ...given, signal },
    );
  } catch (error) {
    // Without a result it was ended, or threw, before it came to its acknowledgement.
    if (isInstance(error, AfterCommitError) && error.result !== undefined) {
      // The effects are there, and so is the acknowledgement.
      reportBackgroundError({ source: `job ${queue.name}`, error });
      return error.result as Settlement;
    }
    // Another worker may have committed the same job since: then its answer is the job's.
    const recorded =
      usesInbox && !signal.aborted ? await recordedUnless(error, db, queue.name, delivery.id) : undefined;
    if (recorded === undefined) throw error;
    return { type: 'completed', outcome: recorded };
  }
}

async function recordedUnless(error: unknown, db: Db, queue: string, id: string): Promise<JobOutcome | undefined> {
  try {
    return (await recordedOutcomes(db, queue, [id])).get(id);
  } catch {
    // What went wrong first says more.
    throw error;
  }
}

/** A handler without a transaction cannot be stopped; its slot is given free, and it is told by its signal. */
function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, () => reject(signal.reason as Error));
    work.then(resolve, reject).finally(stop);
  });
}

/** Ends a job from outside: by its longest runtime, the deadline of its chain, its engine, or its worker. */
class JobLimits {
  readonly #controller = new AbortController();
  readonly #runner: JobRunner;
  readonly #delivery: Delivery;
  #stops: (() => void)[] = [];
  #released = false;

  constructor(runner: JobRunner, delivery: Delivery) {
    this.#runner = runner;
    this.#delivery = delivery;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }
  /** The worker closes, or no longer owns the job: what the handler threw is ignored. */
  get released(): boolean {
    return this.#released;
  }

  start(deadline: number | undefined): void {
    const { queue, release } = this.#runner;
    const { maxRuntime } = queue.options;
    this.#after(maxRuntime, () => overrun(queue.name, this.#delivery.id, maxRuntime));
    if (deadline !== undefined) {
      this.#after(Math.max(0, deadline - systemClock.now()), () => deadlineExceeded(`A job of queue "${queue.name}"`));
    }
    for (const signal of [release, this.#delivery.claim]) this.#follow(signal);
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #after(delay: number, reason: () => Error): void {
    this.#stops.push(systemClock.setTimer(() => this.#controller.abort(reason()), delay, true));
  }

  #follow(signal: AbortSignal): void {
    const release = (): void => {
      this.#released = true;
      this.#controller.abort(lost(this.#runner.queue.name, this.#delivery.id));
    };
    this.#stops.push(onAbort(signal, release));
  }
}

function overrun(queue: string, id: string, maxRuntime: number): JobOverrunError {
  return new JobOverrunError({
    what: `The job ${id} of queue "${queue}" ran longer than ${maxRuntime} ms, and was rolled back`,
    remedy: 'Find what its handler waits for, or raise maxRuntime of the queue',
  });
}

function lost(queue: string, id: string): JobReleasedError {
  return new JobReleasedError({
    what: `The job ${id} of queue "${queue}" no longer belongs to this worker; its effects are rolled back`,
    remedy: 'It runs again elsewhere. If that happens often, check that handlers do not block the event loop',
  });
}
