import type { AsyncMessage, Channel, Connection } from 'rabbitmq-client';
import { onAbort, sleep, systemClock } from '../../core/index.ts';
import type { DeliveredMessage, SubscribeOptions, Subscription } from '../broker/index.ts';
import { declareQueue, keyHeader } from './topology.ts';

/** The pause before a channel is opened again, in milliseconds. */
const pause = 500;

/** A group's messages of a topic: a queue of which the server lets one consumer at a time have the messages. */
export class RabbitmqSubscription implements Subscription {
  readonly ready: Promise<void>;
  readonly #connection: Connection;
  readonly #exchange: string;
  readonly #options: SubscribeOptions;
  readonly #stopped = new AbortController();
  readonly #loop: Promise<void>;
  #isReady: () => void = () => {};
  #stopConsuming: () => Promise<void> = () => Promise.resolve();

  constructor(connection: Connection, exchange: string, options: SubscribeOptions) {
    this.#connection = connection;
    this.#exchange = exchange;
    this.#options = options;
    this.ready = new Promise((resolve) => (this.#isReady = resolve));
    this.#loop = this.#run();
  }

  async pause(): Promise<void> {
    await this.#stopConsuming();
  }

  async close(): Promise<void> {
    this.#stopped.abort(new Error('The subscription was closed'));
    await this.#loop;
    this.#isReady();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await this.#session();
      } catch (error) {
        if (!signal.aborted) this.#options.onError(error);
      }
      await sleep(systemClock, pause, signal).catch(() => {});
    }
  }

  async #session(): Promise<void> {
    const channel = await this.#connection.acquire({ emitErrorsFromChannel: true });
    const ended = new AbortController();
    const end = (error: unknown): void => ended.abort(error);
    channel.on('error', end);
    channel.once('close', () => end(new Error('The channel to RabbitMQ was closed')));
    channel.once('basic.cancel', (_, error) => end(error));
    const stop = onAbort(this.#stopped.signal, () => end(this.#stopped.signal.reason));
    try {
      const queue = await declareQueue(channel, this.#exchange, this.#options);
      await channel.basicQos({ prefetchCount: this.#options.prefetch });
      const isCurrent = (): boolean => channel.active && !ended.signal.aborted;
      let isPaused = false;
      const { consumerTag } = await channel.basicConsume({ queue }, (message) => {
        if (isCurrent() && !isPaused) this.#options.onMessage(read(channel, message, isCurrent));
      });
      this.#stopConsuming = async () => {
        isPaused = true;
        await channel.basicCancel(consumerTag).catch(() => {});
      };
      this.#isReady();
      await new Promise<void>((resolve) => onAbort(ended.signal, resolve));
      if (!this.#stopped.signal.aborted) throw ended.signal.reason as Error;
    } finally {
      stop();
      ended.abort();
      // What was delivered and not settled goes back to its place in the queue.
      await channel.close();
    }
  }
}

function read(channel: Channel, message: AsyncMessage, isCurrent: () => boolean): DeliveredMessage {
  const { deliveryTag, messageId, routingKey, redelivered } = message;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries<unknown>(message.headers ?? {})) {
    if (typeof value === 'string') headers[name.toLowerCase()] = value;
  }
  const { [keyHeader]: key, ...others } = headers;
  const settle = (how: () => void): void => {
    if (!isCurrent()) return;
    try {
      how();
    } catch {
      // The connection is gone: it comes again.
    }
  };
  return {
    id: messageId,
    topic: routingKey,
    key,
    body: bytesOf(message.body),
    headers: others,
    redelivered,
    isCurrent,
    ack: () => settle(() => channel.basicAck({ deliveryTag })),
    deadLetter: () => settle(() => channel.basicNack({ deliveryTag, requeue: false })),
  };
}

/** The client has parsed what others have sent as text or as JSON. */
function bytesOf(body: unknown): Uint8Array {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
