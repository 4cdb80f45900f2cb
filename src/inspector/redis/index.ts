import { type Check, endsWithin, label, readOptions, systemClock, withMethods } from '../../core/index.ts';
import type { FleetBus } from '../index.ts';

/** As much of a client of ioredis as is used here. */
export interface IoRedisPublisher {
  /** Sends any command. */
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** As much of a connected client of node-redis as is used here. */
export interface NodeRedisPublisher {
  /** Sends any command. */
  sendCommand(args: string[]): Promise<unknown>;
}

/** A client of ioredis that subscribes, and is used for nothing else. */
export interface IoRedisFleetSubscriber extends IoRedisPublisher {
  /** Subscribes to a channel; messages arrive as `message` events. */
  subscribe(...channels: string[]): Promise<unknown>;
  /** Ends the subscription. */
  unsubscribe(...channels: string[]): Promise<unknown>;
  /** Subscribes to an event of the client. */
  on(event: string, listener: (...values: unknown[]) => void): unknown;
  /** Ends that. */
  off(event: string, listener: (...values: unknown[]) => void): unknown;
}

/** A connected client of node-redis that subscribes, and is used for nothing else. */
export interface NodeRedisFleetSubscriber extends NodeRedisPublisher {
  /** Subscribes to channels; `listener` gets each message. */
  subscribe(channels: string[], listener: (message: string, channel: string) => void): Promise<unknown>;
  /** Ends the subscription. */
  unsubscribe(channels: string[], listener: (message: string, channel: string) => void): Promise<unknown>;
}

/** Options of `redisFleet()`. */
export interface RedisFleetOptions {
  /** Publishes. A client that the program uses for other things will do. */
  readonly client: IoRedisPublisher | NodeRedisPublisher;
  /** Subscribes, and is used for nothing else. The program closes both. */
  readonly subscriber: IoRedisFleetSubscriber | NodeRedisFleetSubscriber;
  /** The name of the channel, which is the same in all processes of the fleet. Default `sluice:inspector`. */
  readonly channel?: string | undefined;
}

const checks: Record<keyof RedisFleetOptions, Check> = {
  client: (value) => (isIoRedis(value) || isNodeRedis(value) ? undefined : 'a client of ioredis or node-redis'),
  subscriber: withMethods('subscribe', 'unsubscribe'),
  channel: label(200),
};

/** How long a Redis that has gone silent may keep the end waiting, in milliseconds: the program closes the clients. */
const endTimeout = 1_000;

/** Publish and subscribe. */
class RedisBus implements FleetBus {
  readonly longestMessage: number = 65_536;
  readonly #options: RedisFleetOptions;
  readonly #channel: string;
  #end: () => Promise<unknown> = () => Promise.resolve();

  constructor(options: RedisFleetOptions) {
    this.#options = options;
    this.#channel = options.channel ?? 'sluice:inspector';
  }

  open(onMessage: (text: string) => void, onError: (error: unknown) => void): void {
    const { subscriber } = this.#options;
    const hear = (channel: unknown, text: unknown): void => {
      if (channel === this.#channel) onMessage(String(text));
    };
    const hearText = (text: string): void => onMessage(text);
    // Both packages subscribe again by themselves when they have lost their connection.
    if (isIoRedis(subscriber)) {
      subscriber.on('message', hear);
      this.#end = () => {
        subscriber.off('message', hear);
        return subscriber.unsubscribe(this.#channel);
      };
      subscriber.subscribe(this.#channel).catch(onError);
    } else {
      this.#end = () => subscriber.unsubscribe([this.#channel], hearText);
      subscriber.subscribe([this.#channel], hearText).catch(onError);
    }
  }

  async publish(text: string): Promise<void> {
    const { client } = this.#options;
    if ('call' in client) await client.call('PUBLISH', this.#channel, text);
    else await client.sendCommand(['PUBLISH', this.#channel, text]);
  }

  async close(): Promise<void> {
    await endsWithin(systemClock, this.#end(), endTimeout).catch(() => {});
  }
}

/**
 * Lets the processes of a fleet ask each other over publish and subscribe of Redis.
 *
 * ```ts
 * const fleet = redisFleet({ client: redis, subscriber: redis.duplicate() });
 * ```
 * @throws InvalidOptionError
 */
export function redisFleet(options: RedisFleetOptions): FleetBus {
  return new RedisBus(readOptions('redisFleet', options, checks, ['client', 'subscriber']));
}

function isIoRedis(client: unknown): client is IoRedisFleetSubscriber {
  return typeof client === 'object' && client !== null && 'call' in client && typeof client.call === 'function';
}

function isNodeRedis(client: unknown): boolean {
  return typeof client === 'object' && client !== null && 'sendCommand' in client && !('masters' in client);
}
