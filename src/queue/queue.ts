import { JobPushTrace, jobPushTrace, traceHere, isWatched } from '../channels/index.ts';
import {
  chainIdOf,
  type ClientIdentity,
  frameOfCall,
  type Frame,
  levelIsolated,
  type OpenTransaction,
} from '../context/index.ts';
import {
  anything,
  type Check,
  type Checks,
  type ErrorPlace,
  InvalidOptionError,
  integer,
  oneOf,
  optionsOf,
  readOptions,
  systemClock,
  text,
  milliseconds,
} from '../core/index.ts';
import type { Database, Db, DbInfo } from '../database/index.ts';
import { encodeContext, type WireContext } from '../envelope/index.ts';
import { type AsJson, toJson } from '../payload/index.ts';
import { LevelLimitError } from '../pool/index.ts';
import { aBackoff, backoffOf, type QueueDefinition } from './definition.ts';
import type { Backoff, EngineJob } from './engine/index.ts';
import type { EngineRuntime } from './engine-runtime.ts';
import { type AwaitOptions, awaitChecks, JobHandle, waitingForJob, waitTime } from './job-handle.ts';
import { aJobId, jobId } from './job-id.ts';
import type { OutboxJobs } from './outbox-jobs.ts';
import { QueueAdmin } from './queue-admin.ts';

interface CommonPushOptions {
  /**
   * A UUID in small letters, by which the queue knows the job: one that it has at the same level already stays as it
   * is. For pushing again what may be there, with the options that an `EnqueueUnknownError` has in `again`. Default: a new one.
   */
  readonly id?: string | undefined;
  /** Lower runs first; 0, the default, before all others. At most 1,000. */
  readonly priority?: number | undefined;
  /** Milliseconds until the job may run. Default 0. */
  readonly delay?: number | undefined;
  /** Instead of the queue's. */
  readonly attempts?: number | undefined;
  /** Instead of the queue's; a number is milliseconds. */
  readonly backoff?: number | Backoff | undefined;
  /** The client and the level at which the job runs, taken as they are. */
  readonly dbInfo?: DbInfo | undefined;
}

/** Options of `push`. */
export interface PushOptions extends CommonPushOptions {
  /**
   * Inside a transaction. `commit`, the default: the job exists only if the transaction commits. `now`: at
   * once, whatever becomes of the transaction.
   */
  readonly when?: 'commit' | 'now' | undefined;
  /** Jobs with the same key that leave with commits reach the queue in the order of those. For engines with an outbox. */
  readonly key?: string | undefined;
}

/** Options of `pushAsync` and `request`. */
export interface PushAsyncOptions extends CommonPushOptions, AwaitOptions {}

/** It is kept as text of a database, which not every text can be. */
const aKey: Check = (value) =>
  text(500)(value) ??
  (String(value).isWellFormed() && !String(value).includes('\0') ? undefined : 'text without lone surrogates and NUL');

const commonChecks: Checks = {
  id: aJobId,
  priority: integer(0, 1_000),
  delay: milliseconds(0),
  attempts: integer(1, 1_000),
  backoff: aBackoff,
  dbInfo: optionsOf('The option "dbInfo"', { clientName: anything, level: integer(0, 1_000) }),
};
const pushChecks: Checks = { ...commonChecks, when: oneOf(['commit', 'now']), key: aKey };
const pushAsyncChecks: Checks = { ...commonChecks, ...awaitChecks };

const noOptions: PushOptions & PushAsyncOptions = {};

/** What jobs of a queue go through. */
export interface QueueParts {
  readonly database: Database;
  readonly runtime: EngineRuntime;
  readonly outbox: OutboxJobs;
}

/** A queue, as programs push to it. */
export class Queue<Data = unknown, Result = unknown> {
  /** The queue's name, the same in every process. */
  readonly name: string;
  /** What administrators can do: counting, listing, retrying and discarding of its jobs. */
  readonly admin: QueueAdmin;
  readonly #definition: QueueDefinition<Data, Result>;
  readonly #database: Database;
  readonly #runtime: EngineRuntime;
  readonly #outbox: OutboxJobs;
  /** Of clients whose transactions have pushed. */
  readonly #handles = new WeakMap<ClientIdentity, Db>();

  constructor(definition: QueueDefinition<Data, Result>, { database, runtime, outbox }: QueueParts) {
    this.name = definition.name;
    this.#definition = definition;
    this.#database = database;
    this.#runtime = runtime;
    this.#outbox = outbox;
    this.admin = new QueueAdmin(definition.name, runtime);
  }

  /**
   * Enqueues a job. Inside a transaction it is sent with the commit, and never after a rollback. It is not awaited
   * while transactions are open, so it runs at level 0.
   *
   * ```ts
   * await database.transaction(async () => {
   *   await checkout(id);
   *   await jobs.queues.invoice.push({ orderId: id }, { delay: 60_000 });
   * });
   * ```
   * @throws UnserializableError, PayloadTooLargeError before anything is sent; QueueUnavailableError: it is not
   * enqueued; EnqueueUnknownError: it may be; what the engine's server or the outbox refuses it with
   */
  async push(data: Data, given?: PushOptions): Promise<JobHandle<Result>> {
    const options = given === undefined ? noOptions : readOptions(`push to queue "${this.name}"`, given, pushChecks);
    const frame = frameOfCall();
    const open = frame?.scope?.transaction;
    const now = open === undefined || options.when === 'now';
    const level = options.dbInfo?.level ?? (now && open !== undefined ? this.#levelBelow(frame) : 0);
    const context = { ...encodeContext(frame, systemClock), level };
    const job = this.#job(data, { options, context, level, transaction: open, reply: false });
    this.#runtime.assertOpen();
    if (now) {
      await this.#trace('push', job, frame, (traced) => this.#runtime.enqueue(traced));
      return new JobHandle(this.#runtime, this.#definition, job, undefined);
    }
    return await this.#trace('push', job, frame, (traced) => this.#pushWithCommit(traced, open, options.key));
  }

  #trace<Answer>(
    operation: JobPushTrace['operation'],
    job: EngineJob,
    frame: Frame | undefined,
    run: (job: EngineJob) => Promise<Answer>,
  ): Promise<Answer> {
    if (!isWatched(jobPushTrace)) return run(job);
    const { id: jobId, level } = job;
    const { name, clientName } = { name: `job ${this.name}`, clientName: frame?.scope?.transaction.client.name };
    const parentId = frame?.innermost?.record.id;
    const chainId = chainIdOf(frame);
    const event = new JobPushTrace({ parentId, chainId, clientName, level, name, queue: this.name, jobId, operation });
    return jobPushTrace.run(event, () => run(inTraceHere(job)));
  }

  /**
   * Enqueues a job at once and waits for its result, while the transactions of the caller stay open: the job
   * runs at a level above all that they hold. It does not see what they have not committed, and a rollback
   * does not undo it: register `db.compensate(...)` for that.
   *
   * ```ts
   * const number = await jobs.queues.invoice.pushAsync({ orderId: id }, { timeout: 10_000 });
   * ```
   * @throws RemoteError with the name, message and code of what the handler threw; JobTimeoutError; LevelLimitError
   */
  async pushAsync(data: Data, given?: PushAsyncOptions): Promise<AsJson<Result>> {
    return await this.#request('pushAsync', data, given);
  }

  /** The same as `pushAsync`: the job is the request, and its result is the reply. */
  async request(data: Data, given?: PushAsyncOptions): Promise<AsJson<Result>> {
    return await this.#request('request', data, given);
  }

  /** @param method what its errors call it */
  async #request(method: string, data: Data, given: PushAsyncOptions | undefined): Promise<AsJson<Result>> {
    const options =
      given === undefined ? noOptions : readOptions(`${method} to queue "${this.name}"`, given, pushAsyncChecks);
    const frame = frameOfCall();
    const level = options.dbInfo?.level ?? this.#levelBelow(frame);
    const timeout = waitTime(options.timeout, frame, this.#definition.options.timeout);
    const context: WireContext = { ...encodeContext(frame, systemClock, { level }), timeout: Math.ceil(timeout) };
    const job = this.#job(data, { options, context, level, transaction: frame?.innermost, reply: true });
    const { signal, onProgress } = options;
    const answer = this.#trace('request', job, frame, (traced) =>
      this.#runtime.request(traced, { timeout, signal, onProgress }),
    );
    return (await waitingForJob(frame, job, answer)) as AsJson<Result>;
  }

  /** The level of a job that is, or may be, waited for. @throws LevelLimitError */
  #levelBelow(frame: Frame | undefined): number {
    const { maxLevel } = this.#runtime;
    const level = levelIsolated(this.#database.current.level, frame);
    if (level <= maxLevel) return level;
    throw new LevelLimitError({
      what: `A job of queue "${this.name}" would run at level ${level}, deeper than maxLevel ${maxLevel}`,
      remedy: 'Raise maxLevel in every process of the system, or nest fewer awaited jobs',
      at: { clientName: this.#database.current.clientName, level },
    });
  }

  #job(data: Data, { options, context, level, transaction, reply }: NewJob): EngineJob {
    const { name } = this;
    const { maxPayload, attempts, backoff } = this.#definition.options;
    const { json, value } = toJson(`The data of a job of queue "${name}"`, data, maxPayload, 'the queue');
    const { maxLevel, processId } = this.#runtime;
    const { clientName } = options.dbInfo ?? {};
    if (options.dbInfo !== undefined) this.#database.getDb(options.dbInfo);
    if (level > maxLevel) throw tooDeep(name, maxLevel, { clientName: this.#database.current.clientName, level });
    const id = options.id ?? jobId(transaction, name, json);
    return {
      id,
      queue: name,
      level,
      priority: options.priority ?? 0,
      delay: options.delay ?? 0,
      attempts: options.attempts ?? attempts,
      backoff: options.backoff === undefined ? backoff : backoffOf(options.backoff),
      envelope: {
        v: 1,
        id,
        queue: name,
        ...(reply ? { replyTo: processId } : {}),
        ...(json === undefined ? {} : { data: value }),
        context: clientName === undefined ? context : { ...context, clientName },
      },
    };
  }

  #handleOn(client: ClientIdentity): Db {
    let db = this.#handles.get(client);
    if (db === undefined) {
      db = (client.database as Database).getDb({ clientName: client.name });
      this.#handles.set(client, db);
    }
    return db;
  }

  /** Lets the job leave with the commit, as the engine can. */
  async #pushWithCommit(job: EngineJob, open: OpenTransaction, key: string | undefined): Promise<JobHandle<Result>> {
    const { engine } = this.#runtime;
    const home = open.client.database as Database;
    const db = this.#handleOn(open.client);
    if (open.characteristics.readOnly) throw readOnly(this.name);
    const handle = new JobHandle(this.#runtime, this.#definition, job, open);
    const { enqueue } = engine.capabilities;
    const isEngineClient = home === this.#database && db.clientName === this.#outbox.clientName;
    db.compensate(() => handle.drop());
    if (enqueue === 'hook') {
      await this.#runtime.ready();
      db.commit(() => this.#runtime.add(job));
    } else if (enqueue === 'transaction' && isEngineClient) {
      await this.#runtime.ready();
      await engine.add([job], db);
      db.commit(() => engine.announce([job]));
    } else {
      await this.#outbox.add(db, job, key);
    }
    return handle;
  }
}

interface NewJob {
  readonly options: CommonPushOptions;
  readonly context: WireContext;
  readonly level: number;
  readonly transaction: OpenTransaction | undefined;
  readonly reply: boolean;
}

/** Its worker goes on with the trace that is active here, which may be that of the push. */
function inTraceHere(job: EngineJob): EngineJob {
  const { context } = job.envelope;
  return { ...job, envelope: { ...job.envelope, context: { ...context, ...traceHere(context) } } };
}

function tooDeep(queue: string, maxLevel: number, at: ErrorPlace): LevelLimitError {
  return new LevelLimitError({
    what: `A job was pushed to queue "${queue}" at level ${at.level}, deeper than maxLevel ${maxLevel}`,
    remedy: `Give dbInfo.level as a whole number from 0 to ${maxLevel}, or raise maxLevel in every process`,
    at,
  });
}

function readOnly(queue: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `A job was pushed to queue "${queue}" inside a read-only transaction, which cannot store it`,
    remedy: "Push it with { when: 'now' }, or after the transaction",
  });
}
