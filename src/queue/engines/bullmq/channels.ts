import type { Redis } from 'ioredis';
import type { JobOutcome, JobReference } from '../../engine/index.ts';

/** What processes send each other by publish and subscribe. Only hints: a process that misses one finds the state in Redis. */
export type Notice =
  | { readonly type: 'arrival'; readonly queue: string; readonly level: number }
  | { readonly type: 'settled'; readonly id: string; readonly outcome?: JobOutcome }
  | { readonly type: 'progress'; readonly id: string; readonly progress: unknown };

/** A longer answer is not sent, since its receiver may have stopped waiting: the receiver looks it up. */
const longestNotice = 64 * 1024;
/** How long it is taken for granted that workers know of a lane, in milliseconds. */
const announceAgain = 5_000;

/** The channels of the jobs under one prefix. */
export class Channels {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #onError: (error: unknown) => void;
  readonly #announced = new Map<string, number>();

  constructor(redis: Redis, prefix: string, onError: (error: unknown) => void) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#onError = onError;
    // A Redis that was started again has forgotten which lanes there are.
    redis.on('ready', () => this.#announced.clear());
  }

  get arrivals(): string {
    return `${this.#prefix}:sluice:arrivals`;
  }

  /** The id comes from outside: anything else than a UUID leads to a channel without listeners. */
  repliesTo(processId: string): string {
    return `${this.#prefix}:sluice:replies:${/^[0-9a-f-]{36}$/.test(processId) ? processId : 'invalid'}`;
  }

  /** Lets workers know that there are jobs of a queue at a level. */
  announce({ queue, level }: JobReference): void {
    const lane = `${queue}.${level}`;
    const now = performance.now();
    if (now < (this.#announced.get(lane) ?? 0)) return;
    this.#announced.set(lane, now + announceAgain);
    this.#redis.sadd(this.#lanesOf(queue), level).catch(this.#onError);
    this.send(this.arrivals, { type: 'arrival', queue, level });
  }

  /** The levels at which there have been jobs of a queue. */
  async levelsOf(queue: string): Promise<number[]> {
    return (await this.#redis.smembers(this.#lanesOf(queue))).map(Number);
  }

  send(channel: string, notice: Notice): void {
    const text = JSON.stringify(notice);
    const short =
      text.length <= longestNotice || notice.type !== 'settled'
        ? text
        : JSON.stringify({ ...notice, outcome: undefined });
    this.#redis.publish(channel, short).catch(this.#onError);
  }

  #lanesOf(queue: string): string {
    return `${this.#prefix}:sluice:lanes:${queue}`;
  }
}

/** Anybody with access to Redis can send one; what it says is checked or only a hint. */
export function decodeNotice(text: string): Notice | undefined {
  try {
    const notice = JSON.parse(text) as Partial<Record<string, unknown>> | null;
    if (notice === null || typeof notice !== 'object') return undefined;
    const { type, id, queue, level } = notice;
    const arrived = type === 'arrival' && typeof queue === 'string' && typeof level === 'number';
    const told = (type === 'settled' || type === 'progress') && typeof id === 'string';
    return arrived || told ? (notice as unknown as Notice) : undefined;
  } catch {
    return undefined;
  }
}
