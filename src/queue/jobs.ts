import { randomUUID } from 'node:crypto';
import { runInFrame } from '../context/index.ts';
import {
  aFunction,
  type Checks,
  entriesByName,
  InvalidOptionError,
  knownToCopies,
  readOptions,
  systemClock,
  refuseOtherVersion,
  milliseconds,
  refuseUncalled,
} from '../core/index.ts';
import { assertOpen, checkDatabase, type Database, internalsOf } from '../database/index.ts';
import type { DataOf, QueueDefinition, ResultOf } from './definition.ts';
import type { QueueEngineFactory, SqlExecutor } from './engine/index.ts';
import { EngineRuntime } from './engine-runtime.ts';
import { memory } from './engines/memory/index.ts';
import { UnknownQueueError } from './errors.ts';
import { findRecorded, OutboxJobs } from './outbox-jobs.ts';
import { Queue } from './queue.ts';
import { closeChecks, closeGrace, Worker, type WorkerCloseOptions } from './worker.ts';

/** Queue definitions by the name under which the program knows them. */
export type QueueDefinitions = Readonly<Record<string, QueueDefinition<never>>>;

/** The queues of a program, typed as they were defined. */
export type BoundQueues<Definitions extends QueueDefinitions> = {
  readonly [Name in keyof Definitions]: Queue<DataOf<Definitions[Name]>, ResultOf<Definitions[Name]>>;
};

/** Options of `createJobs`. */
export interface JobsOptions<Definitions extends QueueDefinitions> {
  /** Queue definitions by the names under which the program knows them. */
  readonly queues: Definitions;
  /** Default: `memory()`, which keeps the jobs in this process. */
  readonly engine?: QueueEngineFactory | undefined;
  /** Whether this process relays the outbox, for engines that need one. Default true. */
  readonly relay?: boolean | undefined;
  /** How long enqueueing may take, in milliseconds. Default 10,000. */
  readonly enqueueTimeout?: number | undefined;
}

const checks: Checks = {
  queues: entriesByName,
  engine: aFunction,
  relay: (value) => (typeof value === 'boolean' ? undefined : 'true or false'),
  enqueueTimeout: milliseconds(1),
};

/** The queues and workers of a program, on one engine. Made by `createJobs`. */
export class Jobs<const Definitions extends QueueDefinitions = QueueDefinitions> {
  static {
    knownToCopies(Jobs, 'jobs');
  }

  /** The queues by the names that they were given under. */
  readonly queues: BoundQueues<Definitions>;
  /** The database that the jobs' transactions run on. */
  readonly database: Database;
  readonly #runtime: EngineRuntime;
  readonly #outbox: OutboxJobs;
  readonly #workers = new Set<Worker>();
  readonly #names: ReadonlySet<string>;
  #closing: Promise<void> | undefined;

  constructor(database: Database, options: JobsOptions<Definitions>) {
    checkDatabase('createJobs', database);
    const read = readJobsOptions(options);
    const { engine = memory(), relay = true, enqueueTimeout = 10_000 } = read;
    const runtime: EngineRuntime = new EngineRuntime({
      engine,
      processId: randomUUID(),
      maxLevel: internalsOf(database).maxLevel,
      sql: (clientName) => detachedSql(database, clientName),
      timeout: enqueueTimeout,
      findRecorded: (jobs) => findRecorded(database, runtime.engine, jobs),
    });
    this.database = database;
    this.#runtime = runtime;
    this.#outbox = new OutboxJobs(database, runtime, relay);
    this.#names = new Set(Object.values<QueueDefinition<never>>(read.queues).map(({ name }) => name));
    const queueOf = (definition: QueueDefinition<never>): Queue =>
      new Queue(definition as QueueDefinition, { database, runtime, outbox: this.#outbox });
    this.queues = Object.fromEntries(
      Object.entries<QueueDefinition<never>>(read.queues).map(([name, definition]) => [name, queueOf(definition)]),
    ) as BoundQueues<Definitions>;
  }

  /** A queue by its own name. @throws UnknownQueueError */
  queue(name: string): Queue {
    const found = Object.values(this.queues as Record<string, Queue>).find((queue) => queue.name === name);
    if (found !== undefined) return found;
    throw new UnknownQueueError({
      what: 'jobs.queue() got a name that createJobs does not know',
      remedy: `The queues are: ${[...this.#names].join(', ')}`,
    });
  }

  /** Makes a worker; give it handlers with `handle`. @throws JobsClosedError, DatabaseClosedError */
  worker(): Worker {
    this.#runtime.assertOpen();
    assertOpen(this.database);
    const worker = new Worker(this.database, this.#runtime, this.#names);
    this.#workers.add(worker);
    this.startRelay();
    return worker;
  }

  /** Relays the outbox of the default client from now on, for engines that need one; a worker does it too. @throws JobsClosedError, DatabaseClosedError */
  startRelay(): void {
    this.#runtime.assertOpen();
    assertOpen(this.database);
    this.#outbox.start();
  }

  /**
   * Deletes everything that the engine keeps under its schema or prefix: for the end of tests and demos.
   * Close the workers first.
   * @throws QueueUnavailableError when the engine's server does not answer within `enqueueTimeout`; JobsClosedError
   */
  async obliterate(): Promise<void> {
    await this.#runtime.ready();
    await this.#runtime.within(this.#runtime.engine.obliterate());
  }

  /**
   * Closes the workers (see `Worker.close`), ends the waits, and disconnects the engine. Where its server is away this ends
   * too, a few seconds after the timeout.
   */
  async close(options: WorkerCloseOptions = {}): Promise<void> {
    const read = readOptions('close', options, closeChecks);
    await (this.#closing ??= this.#close(read));
  }

  /** The same as `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close({ timeout = 10_000 }: WorkerCloseOptions): Promise<void> {
    this.#runtime.refuse();
    const end = systemClock.now() + timeout;
    await Promise.all([...this.#workers].map((worker) => worker.close({ timeout })));
    await this.#outbox.stop(Math.ceil(Math.max(closeGrace, end - systemClock.now())));
    await this.#runtime.close(closeGrace);
  }
}

/**
 * Makes the queues of a program.
 *
 * ```ts
 * const invoice = defineQueue<{ orderId: number }, string>('invoice');
 * const jobs = createJobs(database, { queues: { invoice } });
 * jobs.worker().handle(invoice, async ({ orderId }) => `INV-${orderId}`);
 * await jobs.queues.invoice.pushAsync({ orderId: 7 });
 * ```
 * Nothing is connected before the first use. @throws InvalidOptionError
 */
export function createJobs<const Definitions extends QueueDefinitions>(
  database: Database,
  options: JobsOptions<Definitions>,
): Jobs<Definitions> {
  return new Jobs(database, options);
}

/** The definitions are read once, too. */
function readJobsOptions<Definitions extends QueueDefinitions>(
  options: JobsOptions<Definitions>,
): JobsOptions<Definitions> {
  const read = readOptions('createJobs', options, checks);
  refuseOtherVersion('createJobs', 'an engine', read.engine);
  refuseUncalled('createJobs', 'engine', read.engine);
  for (const [name, definition] of Object.entries(read.queues ?? {})) refuseUncalled('createJobs', name, definition);
  const definitions = Object.values<QueueDefinition<never>>(read.queues ?? {});
  if (definitions.length === 0 || !definitions.every(isDefinition)) {
    throw new InvalidOptionError({
      what: 'createJobs got no queues, or something else in place of a queue',
      remedy: 'Give queues as { invoice: defineQueue("invoice") }',
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

/** Runs SQL outside of the caller's transaction. */
function detachedSql(database: Database, clientName: string | undefined): SqlExecutor {
  const db = database.getDb({ clientName, level: internalsOf(database).maxLevel });
  return { query: (text, values) => runInFrame(undefined, () => db.query(text, values), undefined) };
}
