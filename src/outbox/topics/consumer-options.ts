import { type Check, type Filled, integer, milliseconds, readOptions } from '../../core/index.ts';
import { aGroupName } from '../broker/index.ts';

/** Options of `consume`. */
export interface ConsumeOptions {
  /**
   * Who consumes: each group gets each message once, whichever of its processes takes it. Letters, digits, `_` and `-`, at most 64.
   */
  readonly group: string;
  /**
   * How many messages are handled at once, of different keys; no more are taken from the broker. Default 10, or as many as the
   * pool has connections, where those are fewer.
   */
  readonly concurrency?: number | undefined;
  /** How often a handler may fail before its message is set aside. Default 10. */
  readonly attempts?: number | undefined;
  /** The pause after a failure in milliseconds, doubled each time up to a minute. Default 500. */
  readonly retryDelay?: number | undefined;
  /**
   * How long a handler may run, in milliseconds; then its transaction is rolled back with a `HandlerTimeoutError`, whether it has
   * returned or not, `message.signal` aborts, and the attempt has failed. Default 60,000.
   */
  readonly maxRuntime?: number | undefined;
  /** How often it looks for messages that are to be handled again, in milliseconds. Default 2,000. */
  readonly replayInterval?: number | undefined;
}

export type ConsumeSettings = Filled<ConsumeOptions>;

const checks: Record<keyof ConsumeOptions, Check> = {
  group: aGroupName,
  concurrency: integer(1, 10_000),
  attempts: integer(1, 1_000),
  retryDelay: milliseconds(1),
  maxRuntime: milliseconds(1),
  replayInterval: milliseconds(10),
};

/** @param connections how many the pool has @throws InvalidOptionError */
export function consumeSettings(options: ConsumeOptions, connections: number): ConsumeSettings {
  const read = readOptions('consume', options, checks, ['group']);
  return {
    group: read.group,
    concurrency: read.concurrency ?? Math.min(10, connections),
    attempts: read.attempts ?? 10,
    retryDelay: read.retryDelay ?? 500,
    maxRuntime: read.maxRuntime ?? 60_000,
    replayInterval: read.replayInterval ?? 2_000,
  };
}

/** Options of the `stop()` of a consumer. */
export interface ConsumerStopOptions {
  /**
   * How long the handlers that run may take, in milliseconds; then their transactions are rolled back, and their messages come
   * again. Default 10,000.
   */
  readonly timeout?: number | undefined;
}

/** Messages of a topic that are handled for a group, as `consume` began to. */
export interface Consumer extends AsyncDisposable {
  /** How many messages this consumer has handled. */
  readonly handled: number;
  /**
   * Resolves when the broker knows the group: what is published from then on reaches it. While the broker is away it waits; why
   * is reported once. Rejects with `OutboxMissingError` where the tables are missing, which is also reported again and again while the
   * consumer looks for it, and with `ConsumerStoppedError` when the consumer is stopped before; neither need be handled.
   */
  readonly ready: Promise<void>;
  /**
   * Takes no more messages, and ends when those that are being handled are; what waits for another attempt comes again elsewhere.
   * @throws InvalidOptionError
   */
  stop(options?: ConsumerStopOptions): Promise<void>;
}

export const consumerStopChecks: Record<keyof ConsumerStopOptions, Check> = { timeout: milliseconds(0) };
