import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { type CancelTimer, systemClock } from '../../core/index.ts';
import type {
  EngineHost,
  EngineJob,
  EngineLane,
  JobReference,
  JobState,
  LaneOptions,
  QueueEngine,
  QueueEngineFactory,
} from '../index.ts';
import { Channels, decodeNotice } from './channels.ts';
import { openBullLane } from './lane.ts';
import { lookUp } from './look.ts';
import { type BullmqOptions, readBullmqOptions } from './options.ts';
import { type BullJobData, insertOf, physicalName } from './stored.ts';

/** How often it is looked up which lanes there are, in milliseconds; notices make it faster. */
const lookInterval = 2_000;

interface Watcher {
  readonly queue: string;
  readonly onArrival: (level: number) => void;
}

/**
 * Keeps jobs in Redis with BullMQ. A job leaves with its pusher's commit through the outbox of the
 * database, and the inbox there keeps its effects single.
 * @throws InvalidOptionError
 */
export function bullmq(options: BullmqOptions): QueueEngineFactory {
  const read = readBullmqOptions(options);
  return (host) => new BullmqEngine(read, host);
}

class BullmqEngine implements QueueEngine {
  readonly name = 'bullmq';
  readonly capabilities = { enqueue: 'outbox', transactionalAck: false, redelivers: true } as const;
  readonly clientName: string | undefined;
  readonly #host: EngineHost;
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #lostAfter: number;
  readonly #channels: Channels;
  readonly #queues = new Map<string, Queue<BullJobData>>();
  readonly #watchers = new Set<Watcher>();
  #subscriber: Promise<Redis> | undefined;
  #subscriptions = 0;
  #cancelLook: CancelTimer | undefined;
  /** What has to be added to this machine's clock to get that of Redis. */
  #clockOffset = 0;

  constructor({ connection, prefix = 'bull', lostAfter = 10_000, clientName }: BullmqOptions, host: EngineHost) {
    this.clientName = clientName;
    this.#host = host;
    this.#prefix = prefix;
    this.#lostAfter = lostAfter;
    // Commands wait for a Redis that is away; whoever waits for them has a limit of its own.
    const own = { maxRetriesPerRequest: null, lazyConnect: true } as const;
    this.#redis = typeof connection === 'string' ? new Redis(connection, own) : new Redis({ ...connection, ...own });
    this.#redis.on('error', (error) => host.events.onError('redis', error));
    this.#channels = new Channels(this.#redis, prefix, (error) => host.events.onError('notifying', error));
  }

  async start(): Promise<void> {
    if (this.#redis.status === 'wait') await this.#redis.connect();
    const before = Date.now();
    const [seconds, microseconds] = await this.#redis.time();
    const now = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    this.#clockOffset = now - (before + Date.now()) / 2;
  }

  now(): number {
    return Date.now() + this.#clockOffset;
  }

  async add(jobs: readonly EngineJob[]): Promise<void> {
    const byQueue = Map.groupBy(jobs, physicalName);
    await Promise.all([...byQueue].map(([name, group]) => this.#addTo(this.#queueOf(name), group)));
    this.announce(jobs);
  }

  announce(jobs: readonly JobReference[]): void {
    for (const job of jobs) this.#channels.announce(job);
  }

  async listen(): Promise<void> {
    const { processId, events } = this.#host;
    await this.#subscribe(this.#channels.repliesTo(processId), (text) => {
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
    await this.#subscribe(this.#channels.arrivals, (text) => {
      const notice = decodeNotice(text);
      if (notice?.type === 'arrival' && notice.queue === queue && this.#watchers.has(watcher)) onArrival(notice.level);
    });
    await this.#findLanes();
    this.#lookLater();
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
    // Without a server nothing can be said goodbye to, and what waits for it is ended.
    if (this.#redis.status !== 'ready') this.#redis.disconnect();
    else await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
    const [subscriber] = await Promise.allSettled([this.#subscriber]);
    if (subscriber.status === 'fulfilled') subscriber.value?.disconnect();
    if (this.#redis.status === 'ready') await this.#redis.quit();
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
      this.#queues.set(name, queue);
    }
    return queue;
  }

  /** Subscribes on a connection of its own, which subscribes again by itself after it was lost. */
  async #subscribe(channel: string, onMessage: (text: string) => void): Promise<void> {
    this.#subscriber ??= this.#openSubscriber();
    const subscriber = await this.#subscriber;
    this.#subscriptions += 1;
    subscriber.setMaxListeners(this.#subscriptions + 10);
    subscriber.on('message', (from: string, text: string) => {
      if (from === channel) onMessage(text);
    });
    await subscriber.subscribe(channel);
  }

  async #openSubscriber(): Promise<Redis> {
    const { events } = this.#host;
    const subscriber = this.#redis.duplicate({ lazyConnect: true });
    subscriber.on('error', (error) => events.onError('redis', error));
    subscriber.on('ready', () => events.onReconnect());
    await subscriber.connect();
    return subscriber;
  }

  #lookLater(): void {
    this.#cancelLook?.();
    const look = async (): Promise<void> => {
      try {
        await this.#findLanes();
      } catch (error) {
        this.#host.events.onError('looking for lanes', error);
      }
      if (this.#watchers.size > 0) this.#lookLater();
    };
    this.#cancelLook = systemClock.setTimer(() => void look(), lookInterval, true);
  }

  async #findLanes(): Promise<void> {
    for (const { queue, onArrival } of this.#watchers) {
      for (const level of await this.#channels.levelsOf(queue)) onArrival(level);
    }
  }
}
