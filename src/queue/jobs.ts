import { randomUUID } from 'node:crypto';
import { reportBackgroundError } from '../channels/index.ts';
import { runInFrame } from '../context/index.ts';
import {
  aFunction,
  anObject,
  endsWithin,
  readOptions,
  systemClock,
  type Checks,
  entriesByName,
  integer,
  InvalidOptionError,
  longestTimer,
} from '../core/index.ts';
import { type Database, type Db, internalsOf } from '../database/index.ts';
import { createRelay, type OutboxMessage, type Relay, RelayUnavailableError } from '../outbox/index.ts';
import { invalidContext } from '../envelope/index.ts';
import type { DataOf, QueueDefinition, ResultOf } from './definition.ts';
import type {
  EngineJob,
  JobOutcome,
  JobReference,
  JobState,
  QueueEngine,
  QueueEngineFactory,
  SqlExecutor,
} from './engine.ts';
import { EngineAccess } from './engine-access.ts';
import { type Destination, enqueue } from './enqueueing.ts';
import { JobsClosedError, UnknownQueueError } from './errors.ts';
import type { JobsHost } from './host.ts';
import { memory } from './memory-engine.ts';
import { Queue } from './queue.ts';
import { request } from './request.ts';
import { recordedOutcomes } from './recorded.ts';
import { type WaitOptions, Waiting } from './waiting.ts';
import { closeChecks, closeGrace, Worker, type WorkerCloseOptions } from './worker.ts';

/** Queue definitions by the name under which the program knows them. */
export type QueueDefinitions = Readonly<Record<string, QueueDefinition<never>>>;

/** The queues of a program, typed as they were defined. */
export type BoundQueues<Definitions extends QueueDefinitions> = {
  readonly [Name in keyof Definitions]: Queue<DataOf<Definitions[Name]>, ResultOf<Definitions[Name]>>;
};

export interface JobsOptions<Definitions extends QueueDefinitions> {
  readonly database: Database;
  readonly queues: Definitions;
  /** Default: `memory()`, which keeps the jobs in this process. */
  readonly engine?: QueueEngineFactory | undefined;
  /** Whether this process relays the outbox, for engines that need one. Default true. */
  readonly relay?: boolean | undefined;
  /** How long enqueueing may take, in milliseconds. Default 10,000. */
  readonly enqueueTimeout?: number | undefined;
}

const checks: Checks = {
  database: anObject,
  queues: entriesByName,
  engine: aFunction,
  relay: (value) => (typeof value === 'boolean' ? undefined : 'true or false'),
  enqueueTimeout: integer(1, longestTimer),
};

/** The queues and workers of a program, on one engine. Made by `createJobs`. */
export class Jobs<const Definitions extends QueueDefinitions = QueueDefinitions> {
  /** The queues by the names that they were given under. */
  readonly queues: BoundQueues<Definitions>;
  readonly database: Database;
  readonly #engine: QueueEngine;
  readonly #waiting: Waiting;
  readonly #host: JobsHost;
  readonly #relays = new Map<string, Relay>();
  readonly #workers = new Set<Worker>();
  readonly #names: ReadonlySet<string>;
  readonly #mayRelay: boolean;
  readonly #access: EngineAccess;
  readonly #destination: Destination;
  #closing: Promise<void> | undefined;

  constructor(options: JobsOptions<Definitions>) {
    const read = readJobsOptions(options);
    const { database, engine = memory(), relay = true, enqueueTimeout = 10_000 } = read;
    const { maxLevel, defaultClientName } = internalsOf(database);
    const processId = randomUUID();
    this.database = database;
    this.#mayRelay = relay;
    this.#names = new Set(Object.values<QueueDefinition<never>>(read.queues).map(({ name }) => name));
    this.#engine = engine({
      processId,
      maxLevel,
      sql: (clientName) => beside(database, clientName),
      events: {
        onSettled: (id, outcome) => this.#waiting.settled(id, outcome),
        onProgress: (id, progress) => this.#waiting.progressed(id, progress),
        onReconnect: () => this.#waiting.reconnected(),
        onError: (what, error) => this.#report(what, error),
      },
    });
    this.#access = new EngineAccess(this.#engine, enqueueTimeout, (what, error) => this.#report(what, error));
    this.#destination = { engine: this.#engine, ready: () => this.#ready(), timeout: enqueueTimeout };
    const awaited = { ...this.#destination, ready: () => this.#listen() };
    this.#waiting = new Waiting(this.#engine, (jobs) => this.#findRecorded(jobs));
    this.#host = {
      database,
      engine: this.#engine,
      processId,
      maxLevel,
      engineClientName: this.#engine.clientName ?? defaultClientName,
      outboxChannel: `jobs/${this.#engine.name}`,
      assertOpen: () => this.#assertOpen(),
      ready: () => this.#ready(),
      enqueue: (job) => enqueue(this.#destination, job),
      request: (job, wait) => request(awaited, this.#waiting, job, wait),
      look: (job) => this.#look(job),
      waitFor: (job, wait) => this.#waitFor(job, wait),
      relayFor: (db) => this.#relayFor(db),
    };
    this.queues = Object.fromEntries(
      Object.entries(read.queues).map(([name, definition]) => [name, new Queue(definition, this.#host)]),
    ) as BoundQueues<Definitions>;
  }

  /** A queue by its own name. @throws UnknownQueueError */
  queue(name: string): Queue {
    const found = Object.values(this.queues as Record<string, Queue>).find((queue) => queue.name === name);
    if (found !== undefined) return found;
    throw new UnknownQueueError({
      what: 'A queue was asked for that was not given to createJobs',
      remedy: `The queues are: ${[...this.#names].join(', ')}`,
    });
  }

  /** Makes a worker; give it handlers with `handle`. */
  worker(): Worker {
    this.#assertOpen();
    const worker = new Worker(this.#host, this.#names);
    this.#workers.add(worker);
    this.startRelay();
    return worker;
  }

  /** Relays the outbox of the default client from now on, for engines that need one; a worker does it too. */
  startRelay(): void {
    if (this.#engine.capabilities.enqueue === 'outbox')
      this.#relayFor(this.database.getDb({ clientName: this.#host.engineClientName }));
  }

  /**
   * Deletes everything that the engine keeps under its schema or prefix: for the end of tests and demos.
   * Close the workers first.
   */
  async obliterate(): Promise<void> {
    await this.#ready();
    await this.#engine.obliterate();
  }

  /**
   * Closes the workers (see `Worker.close`), ends the waits, and disconnects the engine. Where its server is away this ends
   * too, a few seconds after the timeout.
   */
  async close(options: WorkerCloseOptions = {}): Promise<void> {
    const read = readOptions('close', options, closeChecks);
    await (this.#closing ??= this.#close(read));
  }

  async #close({ timeout = 10_000 }: WorkerCloseOptions): Promise<void> {
    const end = systemClock.now() + timeout;
    await Promise.all([...this.#workers].map((worker) => worker.close({ timeout })));
    const left = Math.ceil(Math.max(closeGrace, end - systemClock.now()));
    await Promise.all([...this.#relays.values()].map((relay) => relay.stop({ timeout: left })));
    this.#waiting.close();
    if (this.#access.wasUsed) await endsWithin(systemClock, this.#engine.close(), closeGrace);
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new JobsClosedError({
      what: 'The jobs of this process are closed',
      remedy: 'Push and work before close(); to go on, call createJobs again',
    });
  }

  /** What fails because of the closing is nobody's concern. */
  #report(what: string, error: unknown): void {
    if (this.#closing === undefined)
      reportBackgroundError({ source: `queue engine ${this.#engine.name}: ${what}`, error });
  }

  async #ready(): Promise<void> {
    this.#assertOpen();
    await this.#access.started();
  }

  async #listen(): Promise<void> {
    this.#assertOpen();
    await this.#access.listening();
  }

  async #waitFor(job: JobReference, wait: WaitOptions): Promise<unknown> {
    const failed = new AbortController();
    const signal = wait.signal === undefined ? failed.signal : AbortSignal.any([wait.signal, failed.signal]);
    const ready = this.#ready();
    // The wait begins at once: an engine that is away may take longer to start than there is time.
    const answer = this.#waiting.waitFor(job, { ...wait, signal });
    const begin = async (): Promise<void> => {
      await ready;
      // It may have ended before anybody listened.
      this.#waiting.lookNow();
      void this.#listen().catch(() => {});
    };
    begin().catch((error: unknown) => failed.abort(error));
    return await answer;
  }

  async #look(job: JobReference): Promise<JobState | undefined> {
    await this.#ready();
    return (await this.#access.within(this.#engine.look([job]))).get(job.id);
  }

  #relayFor(db: Db): () => void {
    if (!this.#mayRelay) return () => {};
    const { clientName } = db;
    let relay = this.#relays.get(clientName);
    if (relay === undefined) {
      relay = createRelay({
        database: this.database,
        clientName,
        channel: this.#host.outboxChannel,
        deliver: (messages) => this.#deliver(messages),
      });
      this.#relays.set(clientName, relay);
      relay.start();
    }
    const started = relay;
    return () => started.poke();
  }

  async #deliver(messages: readonly OutboxMessage[]): Promise<void> {
    const jobs = messages.map((message) => jobOf(message, this.#host.maxLevel));
    try {
      await this.#access.started();
      await this.#access.within(this.#engine.add(jobs));
    } catch (cause) {
      throw new RelayUnavailableError({
        what: `The queue engine ${this.#engine.name} took no jobs`,
        remedy: 'They stay in the outbox and are tried again: see that its server runs',
        cause,
      });
    }
  }

  /** The answers that inboxes hold; none for engines that acknowledge in the transaction itself. */
  async #findRecorded(jobs: readonly JobReference[]): Promise<ReadonlyMap<string, JobOutcome>> {
    const { capabilities } = this.#engine;
    const found = new Map<string, JobOutcome>();
    if (capabilities.transactionalAck || !capabilities.redelivers) return found;
    const level = this.#host.maxLevel;
    const db = this.database.getDb({ clientName: this.#host.engineClientName, level });
    for (const [queue, group] of Map.groupBy(jobs, (job) => job.queue)) {
      const ids = group.map(({ id }) => id);
      const recorded = await runInFrame(undefined, () => recordedOutcomes(db, queue, ids), undefined);
      for (const [id, outcome] of recorded) found.set(id, outcome);
    }
    return found;
  }
}

/**
 * Makes the queues of a program.
 *
 * ```
 * const invoice = defineQueue<{ orderId: number }, string>('invoice');
 * const jobs = createJobs({ database, queues: { invoice } });
 * jobs.worker().handle(invoice, async ({ orderId }) => `INV-${orderId}`);
 * await jobs.queues.invoice.pushAsync({ orderId: 7 });
 * ```
 * Nothing is connected before the first use. @throws InvalidOptionError
 */
export function createJobs<const Definitions extends QueueDefinitions>(
  options: JobsOptions<Definitions>,
): Jobs<Definitions> {
  return new Jobs(options);
}

/** The definitions are read once, too. */
function readJobsOptions<Definitions extends QueueDefinitions>(
  options: JobsOptions<Definitions>,
): JobsOptions<Definitions> {
  const read = readOptions('createJobs', options, checks);
  const definitions = Object.values<QueueDefinition<never>>(read.queues ?? {});
  if (read.database === undefined || definitions.length === 0 || !definitions.every(isDefinition)) {
    throw new InvalidOptionError({
      what: 'createJobs got no database, or queues that are none',
      remedy: 'Give database, and queues as { invoice: defineQueue("invoice") }',
    });
  }
  if (new Set(definitions.map(({ name }) => name)).size < definitions.length) {
    throw new InvalidOptionError({ what: 'createJobs got two queues of the same name', remedy: 'Give each its own' });
  }
  return read;
}

/** A function has a name too. */
function isDefinition(value: Partial<QueueDefinition<never>> | undefined): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof value.name === 'string' && typeof value.options === 'object' && value.options !== null;
}

/** Runs SQL in no transaction of whoever happens to call. */
function beside(database: Database, clientName: string | undefined): SqlExecutor {
  const db = database.getDb({ clientName, level: internalsOf(database).maxLevel });
  return { query: (text, values) => runInFrame(undefined, () => db.query(text, values), undefined) };
}

/** A job as the outbox kept it. @throws InvalidContextError */
function jobOf({ id, queue, payload, context }: OutboxMessage, maxLevel: number): EngineJob {
  const { envelope, ...job } = (payload ?? {}) as Partial<EngineJob>;
  const { level } = job;
  if (job.id !== id || job.queue !== queue || envelope === undefined) throw invalidContext('a message is no job');
  if (typeof level !== 'number' || !(level >= 0 && level <= maxLevel)) throw invalidContext('a job has no level');
  return { ...(job as Omit<EngineJob, 'envelope'>), envelope: { ...envelope, context } };
}
