import { aFunction, readOptions, type Check, type Filled, integer, text, milliseconds } from '../core/index.ts';
import { aChannel } from './input.ts';
import type { OutboxMessage, UndeliveredMessage } from './message.ts';

/** Options of `createRelay`. */
export interface RelayOptions {
  /** The client whose outbox is relayed. Default: the default one. */
  readonly clientName?: string | undefined;
  /** Which messages: those that were added with this channel. */
  readonly channel: string;
  /**
   * Hands messages over; those with the same key are in their order. What it returns could not be; without it all were. It may get a message more
   * than once: after a crash between its return and the commit. When it throws, the messages are tried one by one.
   * @throws RelayUnavailableError when nothing can be handed over just now
   */
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void | readonly UndeliveredMessage[]>;
  /** How many messages are handed over at once. Default 500. */
  readonly batchSize?: number | undefined;
  /** How often the table is read without a `poke()`, in milliseconds. Default 500. */
  readonly pollInterval?: number | undefined;
  /** How often the delivery of a message may fail before it is parked. Default 10. */
  readonly maxAttempts?: number | undefined;
  /** The pause after a failure in milliseconds, doubled each time up to a minute. Default 500. */
  readonly retryDelay?: number | undefined;
  /** How long the inbox remembers a message, in milliseconds. Default 7 days. */
  readonly inboxRetention?: number | undefined;
}

/** Options of `stop()`. */
export interface RelayStopOptions {
  /**
   * How long the batch that is under way may take, in milliseconds; then its messages are given back, and handed over again
   * later. Default 10,000.
   */
  readonly timeout?: number | undefined;
}

export const stopChecks: Record<keyof RelayStopOptions, Check> = { timeout: milliseconds(0) };

/** By the names of the options. */
export const relayChecks: Record<keyof RelayOptions, Check> = {
  clientName: text(200),
  channel: aChannel,
  deliver: aFunction,
  batchSize: integer(1, 10_000),
  pollInterval: milliseconds(10),
  maxAttempts: integer(1, 1_000),
  retryDelay: milliseconds(1),
  inboxRetention: milliseconds(1_000, 365 * 86_400_000),
};

export type RelaySettings = Filled<Omit<RelayOptions, 'clientName'>> & Pick<RelayOptions, 'clientName'>;

/** @throws InvalidOptionError */
export function relaySettings(options: RelayOptions): RelaySettings {
  const read = readOptions('createRelay', options, relayChecks, ['channel', 'deliver']);
  return {
    clientName: read.clientName,
    channel: read.channel,
    deliver: read.deliver,
    batchSize: read.batchSize ?? 500,
    pollInterval: read.pollInterval ?? 500,
    maxAttempts: read.maxAttempts ?? 10,
    retryDelay: read.retryDelay ?? 500,
    inboxRetention: read.inboxRetention ?? 7 * 86_400_000,
  };
}
