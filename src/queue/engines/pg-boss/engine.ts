import type { PgBoss } from 'pg-boss';
import {
  type CancelTimer,
  endsWithin,
  InvalidOptionError,
  systemClock,
  signed,
  calledAs,
} from '../../../core/index.ts';
import {
  type EngineHost,
  type EngineJob,
  type JobReference,
  type JobState,
  type LaneOptions,
  type QueueEngine,
  type QueueEngineFactory,
  ServerClock,
  type SqlExecutor,
} from '../../engine/index.ts';
import { BossAdministration } from './administration.ts';
import { BossConnections } from './connections.ts';
import { asNotSent, asUnavailable, mayHaveHappened } from './failures.ts';
import { BossLane } from './lane.ts';
import { arrivalOf, type Notice } from './notices.ts';
import { Notifier } from './notifier.ts';
import { type PgBossOptions, readPgBossOptions } from './options.ts';
import { supportedBoss } from './supported.ts';
import { type BossRow, insertOf, laneOf, physicalName, stateOf } from './stored-job.ts';

/** The longest that pg-boss lets a job run; queues have their own limit, `maxRuntime`, which is shorter. */
const longestRun = 24 * 3_600 - 1;
/** How long ended jobs are kept for those who ask late, in seconds. */
const keepEnded = 86_400;
/** How long it may take to say goodbye to the server, in milliseconds. */
const goodbye = 1_000;

/**
 * Keeps jobs in PostgreSQL with pg-boss, without any other server. A job leaves as a row of its pusher's
 * transaction, and is acknowledged in the transaction of its effects.
 *
 * ```ts
 * const engine = pgBoss({ connectionString: 'postgres://shop@db.internal:5432/shop' });
 * const jobs = createJobs(database, { queues: { invoice }, engine });
 * ```
 * @throws InvalidOptionError; UnsupportedLibraryError for a pg-boss before 12.35
 */
export function pgBoss(options: PgBossOptions): QueueEngineFactory {
  const read = readPgBossOptions(options);
  const Boss = supportedBoss();
  return signed((host: EngineHost) => new PgBossEngine(read, host, Boss));
}
calledAs(pgBoss, 'pgBoss({ connectionString })');

/** A worker that wants to know at which levels jobs of a queue arrive. */
interface Watcher {
  readonly queue: string;
  readonly onArrival: (level: number) => void;
  /** The levels that were passed to `onArrival`. */
  readonly told: Set<number>;
}

class PgBossEngine implements QueueEngine {
  readonly name = 'pg-boss';
  readonly capabilities = { enqueue: 'transaction', transactionalAck: true, redelivers: true } as const;
  readonly administration: BossAdministration;
  readonly clientName: string | undefined;
  readonly #host: EngineHost;
  readonly #boss: PgBoss;
  readonly #connections: BossConnections;
  readonly #schema: string;
  readonly #notifier: Notifier;
  readonly #heartbeatSeconds: number;
  readonly #pollInterval: number;
  /** Queues of pg-boss that are known to exist. */
  readonly #queues = new Map<string, Promise<void>>();
  readonly #lanes = new Set<BossLane>();
  readonly #watchers = new Set<Watcher>();
  #starting: Promise<void> | undefined;
  readonly #clock = new ServerClock(async () => await this.#serverTime());
  #hearsArrivals = false;
  #cancelPoll: CancelTimer | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: PgBossOptions, host: EngineHost, Boss: typeof PgBoss) {
    const { schema = 'pgboss', lostAfter = 10_000, pollInterval = 1_000 } = options;
    this.clientName = options.clientName;
    this.#host = host;
    this.#schema = schema;
    this.#heartbeatSeconds = Math.ceil(lostAfter / 1_000);
    this.#pollInterval = pollInterval;
    this.#connections = new BossConnections(options, (error) => host.events.onError('pg-boss', error));
    this.#boss = new Boss({
      db: this.#connections,
      schema,
      schedule: false,
      superviseIntervalSeconds: 1,
      monitorIntervalSeconds: 1,
    });
    this.#boss.on('error', (error) => host.events.onError('pg-boss', error));
    this.#notifier = new Notifier(
      this.#connections,
      () => this.#onHearing(),
      (error) => host.events.onError('notifying', error),
    );
    this.administration = new BossAdministration({
      db: this.#connections.forJobs,
      schema,
      maxLevel: host.maxLevel,
      announce: (job) => this.announce([job]),
      notify: (replyTo, notice) => this.#notifier.send(this.#channelOf(replyTo), notice),
    });
  }

  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    await this.#boss.start();
    await this.#assertSameDatabase();
    await this.#clock.measure();
  }

  async #serverTime(): Promise<number> {
    const { rows } = await this.#connections.forJobs.executeSql(
      'select extract(epoch from clock_timestamp()) * 1000 as now',
    );
    const [row] = rows as { now: string }[];
    return Number(row?.now);
  }

  now(): number {
    return this.#clock.now();
  }

  async add(jobs: readonly EngineJob[], via?: SqlExecutor): Promise<void> {
    const byQueue = Map.groupBy(jobs, physicalName);
    for (const [queue, group] of byQueue) {
      await this.#ensureQueue(queue);
      const [only] = group;
      if (group.length === 1 && only !== undefined) await this.#send(queue, only, via);
      else await this.#insert(queue, group, via);
    }
    if (via === undefined) this.announce(jobs);
  }

  mayHaveAdded(error: unknown): boolean {
    return mayHaveHappened(error);
  }

  announce(jobs: readonly JobReference[]): void {
    const lanes = new Map(jobs.map((job) => [physicalName(job), job]));
    for (const job of lanes.values()) {
      // Workers of this process need no server to be told.
      this.#onArrival(job);
      this.#notifier.send(this.#arrivals, arrivalOf(job));
    }
  }

  async listen(): Promise<void> {
    await this.#notifier.listen(this.#channelOf(this.#host.processId), (notice) => this.#receive(notice));
  }

  async look(jobs: readonly JobReference[]): Promise<ReadonlyMap<string, JobState>> {
    const { rows } = await this.#connections.forJobs.executeSql(
      `select id, state::text, output from ${this.#schema}.job
         where (name, id) in (select * from unnest($1::text[], $2::uuid[]))`,
      [jobs.map(physicalName), jobs.map(({ id }) => id)],
    );
    return new Map((rows as BossRow[]).map((row) => [row.id, stateOf(row)]));
  }

  async watchArrivals(queue: string, onArrival: (level: number) => void): Promise<() => Promise<void>> {
    const watcher: Watcher = { queue, onArrival, told: new Set() };
    this.#watchers.add(watcher);
    this.#hearArrivals();
    await this.#findArrivals();
    this.#poll();
    return () => Promise.resolve(void this.#watchers.delete(watcher));
  }

  openLane(options: LaneOptions): BossLane {
    const physicalQueue = physicalName(options);
    const { events } = this.#host;
    const lane: BossLane = new BossLane({
      ...options,
      boss: this.#boss,
      db: this.#connections.forJobs,
      schema: this.#schema,
      physicalQueue,
      pollInterval: this.#pollInterval,
      heartbeat: (this.#heartbeatSeconds * 1_000) / 3,
      notify: (replyTo, notice) => this.#notifier.send(this.#channelOf(replyTo), notice),
      onError: (what, error) => events.onError(what, error),
      onClose: () => this.#lanes.delete(lane),
    });
    this.#lanes.add(lane);
    return lane;
  }

  async obliterate(): Promise<void> {
    await this.#connections.executeSql(`drop schema if exists ${this.#schema} cascade`);
    this.#queues.clear();
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#end());
  }

  /** What a server that has gone silent keeps waiting is ended. */
  async #end(): Promise<void> {
    this.#cancelPoll?.();
    const isSaid = await endsWithin(systemClock, this.#sayGoodbye(), goodbye).catch(() => false);
    if (!isSaid) this.#connections.cut();
  }

  async #sayGoodbye(): Promise<void> {
    await Promise.allSettled([this.#starting]);
    await this.#notifier.close();
    await this.#boss.stop({ graceful: false });
    await this.#connections.close();
  }

  get #arrivals(): string {
    return `sluice_${this.#schema}_arrivals`;
  }

  /** The id comes from outside: anything else than a UUID leads to a channel without listeners. */
  #channelOf(processId: string): string {
    return /^[0-9a-f-]{36}$/.test(processId) ? `sluice_${processId}` : 'sluice_invalid';
  }

  /** Without notices the tables are still looked at. */
  #hearArrivals(): void {
    if (this.#hearsArrivals) return;
    this.#hearsArrivals = true;
    const heard = this.#notifier.listen(this.#arrivals, (notice) => this.#receive(notice));
    heard.catch((error: unknown) => this.#host.events.onError('listening for jobs', error));
  }

  /** Notices have been missed, of answers and of jobs. */
  #onHearing(): void {
    this.#clock.remeasure();
    this.#host.events.onReconnect();
    if (this.#watchers.size === 0) return;
    for (const lane of this.#lanes) lane.wake();
    this.#findArrivals().catch((error: unknown) => this.#host.events.onError('looking for jobs', error));
  }

  #receive(notice: Notice): void {
    const { events } = this.#host;
    if (notice.type === 'settled') events.onSettled(notice.id, notice.outcome);
    else if (notice.type === 'progress') events.onProgress(notice.id, notice.progress);
    else this.#onArrival(notice);
  }

  #onArrival({ queue, level }: Pick<JobReference, 'queue' | 'level'>): void {
    const physicalQueue = physicalName({ queue, level });
    for (const watcher of this.#watchers) {
      if (watcher.queue !== queue || watcher.told.has(level)) continue;
      watcher.told.add(level);
      watcher.onArrival(level);
    }
    for (const lane of this.#lanes) if (lane.physicalQueue === physicalQueue) lane.wake();
  }

  #poll(): void {
    this.#cancelPoll?.();
    if (this.#closing !== undefined || this.#watchers.size === 0) return;
    const look = async (): Promise<void> => {
      try {
        await this.#findArrivals();
      } catch (error) {
        this.#host.events.onError('looking for jobs', error);
      }
      this.#poll();
    };
    this.#cancelPoll = systemClock.setTimer(() => void look(), this.#pollInterval, true);
  }

  /** Opens lanes for the levels at which jobs wait. */
  async #findArrivals(): Promise<void> {
    const { maxLevel } = this.#host;
    const levels = Array.from({ length: maxLevel + 1 }, (_, level) => level);
    const untold = [...this.#watchers].flatMap(({ queue, told }) =>
      levels.filter((level) => !told.has(level)).map((level) => physicalName({ queue, level })),
    );
    if (untold.length === 0) return;
    const { rows } = await this.#connections.forJobs.executeSql(
      `select name from unnest($1::text[]) name
         where exists (select from ${this.#schema}.job where job.name = name.name and state <= 'active')`,
      [untold],
    );
    for (const { name } of rows as { name: string }[]) {
      this.#onArrival(laneOf(name));
    }
  }

  /** @throws QueueUnavailableError: before a queue is there no job is sent */
  async #ensureQueue(queue: string): Promise<void> {
    const created = this.#queues.get(queue) ?? this.#createQueue(queue);
    this.#queues.set(queue, created);
    try {
      await created;
    } catch (error) {
      if (this.#queues.get(queue) === created) this.#queues.delete(queue);
      throw asNotSent(error);
    }
  }

  async #createQueue(queue: string): Promise<void> {
    await this.#boss.createQueue(queue, {
      heartbeatSeconds: this.#heartbeatSeconds,
      expireInSeconds: longestRun,
      deleteAfterSeconds: keepEnded,
      retryDelay: 0,
    });
  }

  async #send(queue: string, job: EngineJob, via: SqlExecutor | undefined): Promise<void> {
    const { data, options } = insertOf(job);
    const id = await this.#boss.send(queue, data, { ...options, db: this.#through(via) });
    if (via !== undefined && id === null) await assertSeen(queue, this.#schema, via);
  }

  async #insert(queue: string, jobs: readonly EngineJob[], via: SqlExecutor | undefined): Promise<void> {
    const rows = jobs.map((job) => {
      const { data, options } = insertOf(job);
      return { data, ...options };
    });
    const ids = await this.#boss.insert(queue, rows, { db: this.#through(via), returnId: true });
    if (via !== undefined && (ids?.length ?? 0) < jobs.length) await assertSeen(queue, this.#schema, via);
  }

  #through(via: SqlExecutor | undefined): { executeSql(text: string, values?: unknown[]): Promise<{ rows: never[] }> } {
    if (via !== undefined) {
      return { executeSql: async (text, values) => ({ rows: [...(await via.query(text, values)).rows] as never[] }) };
    }
    return {
      executeSql: async (text, values) => {
        try {
          return await this.#connections.forJobs.executeSql(text, values);
        } catch (error) {
          throw asUnavailable(error);
        }
      },
    };
  }

  /** Jobs can leave with a commit only if they are in the database that commits. */
  async #assertSameDatabase(): Promise<void> {
    const question = `select current_database() as name, pg_postmaster_start_time()::text as server, to_regclass($1)::text as jobs`;
    const values = [`${this.#schema}.job`];
    const { rows: own } = await this.#connections.forJobs.executeSql(question, values);
    const { rows: theirs } = await this.#host.sql(this.clientName).query(question, values);
    if (JSON.stringify(own[0]) === JSON.stringify(theirs[0])) return;
    throw new InvalidOptionError({
      what: 'The connectionString of pgBoss is of another database than its client, so jobs could not be sent with a commit',
      remedy: 'Give both the same database, or name the right client with clientName',
    });
  }
}

/**
 * Nothing was inserted: the job is known, or a transaction that sees an earlier time does not see the queue, which pg-boss joins.
 * Its job would be lost then without a word. To the server that is a serialization failure, so a transaction that repeats is
 * repeated.
 */
async function assertSeen(queue: string, schema: string, via: SqlExecutor): Promise<void> {
  const { rows } = await via.query(`select from ${schema}.queue where name = $1`, [queue]);
  if (rows.length > 0) return;
  const message = `the queue ${queue} was made after the time that this transaction sees; repeat the transaction, as with retry`;
  await via.query(
    `do $$ begin raise exception using errcode = 'serialization_failure', message = '${message}'; end $$`,
  );
}
