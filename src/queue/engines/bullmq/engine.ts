import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type CancelTimer, endsWithin, systemClock, signed, calledAs } from '../../../core/index.ts';
import {
  type EngineHost,
  type EngineJob,
  type EngineLane,
  type JobReference,
  type JobState,
  type LaneOptions,
  type QueueEngine,
  type QueueEngineFactory,
  QueueUnavailableError,
  ServerClock,
} from '../../engine/index.ts';
import { BullAdministration } from './administration.ts';
import { Channels, decodeNotice } from './channels.ts';
import { endConnection, noteCopies, RedisClient, stopTimerAtClose } from './connections.ts';
import { openBullLane } from './lane.ts';
import { lookUp } from './look-up-job.ts';
import { type BullmqOptions, readBullmqOptions } from './options.ts';
import { type BullJobData, insertOf, physicalName } from './stored-job.ts';
import { Subscriber } from './subscriber.ts';

/** How often it is looked up which lanes there are, in milliseconds; notices make it faster. */
const lookInterval = 2_000;

/** A server that does not answer a command for so long, in milliseconds, is connected to again. */
const silence = { socketTimeout: 15_000 };
/** How long it may take to say goodbye to Redis, in milliseconds. */
const goodbye = 1_000;

interface Watcher {
  readonly queue: string;
  readonly onArrival: (level: number) => void;
}

/**
 * Keeps jobs in Redis with BullMQ. A job leaves with its pusher's commit through the outbox of the
 * database, and the inbox there keeps its effects single.
 *
 * ```ts
 * const jobs = createJobs(database, { queues: { invoice }, engine: bullmq({ connection: 'redis://127.0.0.1:6379' }) });
 * ```
 * @throws InvalidOptionError
 */
export function bullmq(options: BullmqOptions): QueueEngineFactory {
  const read = readBullmqOptions(options);
  return signed((host: EngineHost) => new BullmqEngine(read, host));
}
calledAs(bullmq, 'bullmq({ connection })');

class BullmqEngine implements QueueEngine {
  readonly name = 'bullmq';
  readonly capabilities = { enqueue: 'outbox', transactionalAck: false, redelivers: true } as const;
  readonly administration: BullAdministration;
  readonly clientName: string | undefined;
  readonly #host: EngineHost;
  readonly #redis: Redis;
  /** Those of workers and of what listens. */
  readonly #copies: ReadonlySet<Redis>;
  readonly #prefix: string;
  readonly #lostAfter: number;
  readonly #channels: Channels;
  readonly #queues = new Map<string, Queue<BullJobData>>();
  readonly #watchers = new Set<Watcher>();
  readonly #subscriber: Subscriber;
  readonly #clock = new ServerClock(async () => {
    const [seconds, microseconds] = await this.#redis.time();
    return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
  });
  #hearsArrivals = false;
  #cancelLook: CancelTimer | undefined;
  #lastError: unknown;

  constructor({ connection, prefix = 'bull', lostAfter = 10_000, clientName }: BullmqOptions, host: EngineHost) {
    this.clientName = clientName;
    this.#host = host;
    this.#prefix = prefix;
    this.#lostAfter = lostAfter;
    // Commands wait for a Redis that is away; their callers have time limits of their own.
    const own = { maxRetriesPerRequest: null, lazyConnect: true } as const;
    this.#redis = stopTimerAtClose(
      typeof connection === 'string'
        ? new RedisClient(connection, { ...silence, ...own })
        : new RedisClient({ ...silence, ...connection, ...own }),
    );
    this.#copies = noteCopies(this.#redis);
    this.#redis.on('error', (error) => {
      this.#lastError = error;
      host.events.onError('redis', error);
    });
    this.#channels = new Channels(this.#redis, prefix, (error) => host.events.onError('notifying', error));
    this.administration = new BullAdministration({
      redis: this.#redis,
      channels: this.#channels,
      queueOf: (name) => this.#queueOf(name),
    });
    this.#subscriber = new Subscriber(this.#redis, {
      onConnect: () => {
        this.#clock.remeasure();
        host.events.onReconnect();
        this.#look();
      },
      onError: (error) => host.events.onError('redis', error),
    });
  }

  /** Waits for a Redis that is away: it is connected to as soon as it is there. */
  async start(): Promise<void> {
    const redis = this.#redis;
    // Copies of the connection, such as those of workers, connect by themselves too, and not once and never again.
    redis.options.lazyConnect = false;
    if (redis.status === 'wait' || redis.status === 'end') redis.connect().catch(() => {});
    await redis.ping();
    await this.#clock.measure();
  }

  now(): number {
    return this.#clock.now();
  }

  async add(jobs: readonly EngineJob[]): Promise<void> {
    // What is not sent now is not sent later either, when its pusher has been told that it was not.
    if (this.#redis.status !== 'ready') throw notReached(this.#lastError);
    const byQueue = Map.groupBy(jobs, physicalName);
    await Promise.all([...byQueue].map(([name, group]) => this.#addTo(this.#queueOf(name), group)));
    this.announce(jobs);
  }

  /** An answer of Redis is one that nothing was added. */
  mayHaveAdded(error: unknown): boolean {
    return !(error instanceof QueueUnavailableError || (error instanceof Error && error.name === 'ReplyError'));
  }

  announce(jobs: readonly JobReference[]): void {
    for (const job of jobs) this.#channels.announce(job);
  }

  async listen(): Promise<void> {
    const { processId, events } = this.#host;
    await this.#subscriber.subscribe(this.#channels.repliesTo(processId), (text) => {
      const notice = decodeNotice(text);
      if (notice?.type === 'settled') events.onSettled(notice.id, notice.outcome);
      else if (notice?.type === 'progress') events.onProgress(notice.id, notice.progress);
    });
  }

  async look(jobs: readonly JobReference[]): Promise<ReadonlyMap<string, JobState>> {
    const found = await Promise.all(jobs.map((job) => lookUp(this.#redis, this.#queueOf(physicalName(job)), job.id)));
    const states = new Map<string, JobState>();
    for (const [at, { id }] of jobs.entries()) {
      const state = found[at];
      if (state !== undefined) states.set(id, state);
    }
    return states;
  }

  async watchArrivals(queue: string, onArrival: (level: number) => void): Promise<() => Promise<void>> {
    const watcher: Watcher = { queue, onArrival };
    this.#watchers.add(watcher);
    this.#hearArrivals();
    this.#lookLater();
    // While Redis is away it is looked again and again.
    if (this.#redis.status === 'ready') await this.#findLanes();
    return () => Promise.resolve(void this.#watchers.delete(watcher));
  }

  openLane(options: LaneOptions): EngineLane {
    return openBullLane({
      ...options,
      redis: this.#redis,
      prefix: this.#prefix,
      physicalQueue: physicalName(options),
      channels: this.#channels,
      lostAfter: this.#lostAfter,
      onError: (error) => this.#host.events.onError(`lane ${physicalName(options)}`, error),
    });
  }

  async obliterate(): Promise<void> {
    const escaped = this.#prefix.replaceAll(/[\\*?[\]]/g, String.raw`\$&`);
    let cursor = '0';
    do {
      const [next, keys] = await this.#redis.scan(cursor, 'MATCH', `${escaped}:*`, 'COUNT', 1_000);
      cursor = next;
      if (keys.length > 0) await this.#redis.unlink(...keys);
    } while (cursor !== '0');
  }

  async close(): Promise<void> {
    this.#cancelLook?.();
    this.#watchers.clear();
    this.#subscriber.close();
    // Without a server nothing can be said goodbye to.
    if (this.#redis.status === 'ready') await endsWithin(systemClock, this.#sayGoodbye(), goodbye);
    // What still waits for it is ended, that of workers whose closing does too.
    for (const redis of [this.#redis, ...this.#copies]) endConnection(redis);
  }

  async #sayGoodbye(): Promise<void> {
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
    // One that is lost on the way is ended too.
    if (this.#redis.status === 'ready') await this.#redis.quit().catch(() => {});
  }

  async #addTo(queue: Queue<BullJobData>, jobs: readonly EngineJob[]): Promise<void> {
    const [only] = jobs;
    if (jobs.length === 1 && only !== undefined) {
      const { name, data, opts } = insertOf(only, this.now());
      await queue.add(name, data, opts);
    } else {
      await queue.addBulk(jobs.map((job) => insertOf(job, this.now())));
    }
  }

  #queueOf(name: string): Queue<BullJobData> {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new Queue<BullJobData>(name, { connection: this.#redis, prefix: this.#prefix });
      queue.on('error', (error) => this.#host.events.onError(`queue ${name}`, error));
      // One that could not begin never will.
      queue.waitUntilReady().catch(() => this.#queues.delete(name));
      this.#queues.set(name, queue);
    }
    return queue;
  }

  /** Without notices the lanes are still looked at. */
  #hearArrivals(): void {
    if (this.#hearsArrivals) return;
    this.#hearsArrivals = true;
    const receive = (text: string): void => {
      const notice = decodeNotice(text);
      if (notice?.type !== 'arrival') return;
      for (const { queue, onArrival } of this.#watchers) if (queue === notice.queue) onArrival(notice.level);
    };
    const heard = this.#subscriber.subscribe(this.#channels.arrivals, receive);
    heard.catch((error: unknown) => this.#host.events.onError('listening for jobs', error));
  }

  #lookLater(): void {
    this.#cancelLook?.();
    this.#cancelLook = systemClock.setTimer(() => this.#look(), lookInterval, true);
  }

  #look(): void {
    if (this.#watchers.size === 0) return;
    // Timed from now on: a look that waits for a Redis that is away must not be the last one.
    this.#lookLater();
    if (this.#redis.status !== 'ready') return;
    this.#findLanes().catch((error: unknown) => this.#host.events.onError('looking for lanes', error));
  }

  async #findLanes(): Promise<void> {
    for (const { queue, onArrival } of this.#watchers) {
      for (const level of await this.#channels.levelsOf(queue)) onArrival(level);
    }
  }
}

function notReached(cause: unknown): QueueUnavailableError {
  return new QueueUnavailableError({
    what: 'Redis is unreachable; no job was sent to it',
    remedy: 'Check that it runs, and push again; or push in a transaction, whose outbox keeps the job until then',
    cause,
  });
}
