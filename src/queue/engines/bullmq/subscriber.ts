import type { Redis } from 'ioredis';
import { type CancelTimer, systemClock } from '../../../core/index.ts';

/** How often it is asked whether the connection still lives, in milliseconds: one that hears nothing cannot tell. */
const heartbeat = 10_000;
/** How long an answer to that may take. */
const patience = 5_000;

export interface SubscriberEvents {
  /** What is published from now on is heard; what was published before, since the last time, was not. */
  readonly onConnect: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Hears what is published, on a connection of its own. It connects and subscribes again by itself, from the
 * first time on: what failed once is never kept.
 */
export class Subscriber {
  readonly #source: Redis;
  readonly #events: SubscriberEvents;
  readonly #receivers = new Map<string, Set<(text: string) => void>>();
  #redis: Redis | undefined;
  #heard: PromiseWithResolvers<void> = Promise.withResolvers();
  #cancelTimer: CancelTimer | undefined;

  /** @param source whose server it is */
  constructor(source: Redis, events: SubscriberEvents) {
    this.#source = source;
    this.#events = events;
  }

  /** Resolves when the channel is heard, which is when Redis is back where it is away; it is heard then in any case. */
  async subscribe(channel: string, onMessage: (text: string) => void): Promise<void> {
    const receivers = this.#receivers.get(channel) ?? new Set();
    receivers.add(onMessage);
    this.#receivers.set(channel, receivers);
    const redis = (this.#redis ??= this.#connect());
    // Earlier a subscription would come before what ioredis asks of Redis first, and forbid that.
    if (redis.status === 'ready') await redis.subscribe(channel);
    else await this.#heard.promise;
  }

  close(): void {
    this.#cancelTimer?.();
    this.#redis?.disconnect();
  }

  #connect(): Redis {
    const redis = this.#source.duplicate({ lazyConnect: false, socketTimeout: patience });
    redis.on('error', this.#events.onError);
    redis.on('message', (channel: string, text: string) => {
      for (const receive of this.#receivers.get(channel) ?? []) receive(text);
    });
    redis.on('ready', () => void this.#hear(redis));
    this.#beat(redis);
    return redis;
  }

  async #hear(redis: Redis): Promise<void> {
    try {
      await redis.subscribe(...this.#receivers.keys());
      this.#heard.resolve();
      this.#heard = Promise.withResolvers();
      this.#events.onConnect();
    } catch (error) {
      this.#events.onError(error);
    }
  }

  /** An answer that does not come ends the connection, which then begins again. */
  #beat(redis: Redis): void {
    const ask = (): void => {
      if (redis.status === 'ready') redis.ping().catch(() => {});
      this.#beat(redis);
    };
    this.#cancelTimer = systemClock.setTimer(ask, heartbeat, true);
  }
}
