import type { AsyncMessage, Channel } from 'rabbitmq-client';
import { onAbort } from '../../core/index.ts';
import {
  type DeliveredMessage,
  type SessionProgress,
  Sessions,
  type SubscribeOptions,
  type Subscription,
} from '../broker/index.ts';
import type { RabbitmqLink } from './link.ts';
import { declareQueue, keyHeader } from './topology.ts';

/** A group's messages of a topic: a queue of which the server lets one consumer at a time have the messages. */
export class RabbitmqSubscription implements Subscription {
  readonly #link: RabbitmqLink;
  readonly #options: SubscribeOptions;
  readonly #sessions: Sessions;
  #stopConsuming: () => Promise<void> = () => Promise.resolve();

  constructor(link: RabbitmqLink, options: SubscribeOptions) {
    this.#link = link;
    this.#options = options;
    this.#sessions = new Sessions((progress) => this.#session(progress), options.onError);
  }

  get ready(): Promise<void> {
    return this.#sessions.ready;
  }

  async pause(): Promise<void> {
    await this.#stopConsuming();
  }

  async close(): Promise<void> {
    await this.#sessions.close();
  }

  async #session({ signal, reached, known }: SessionProgress): Promise<void> {
    const channel = await this.#link.acquire({ emitErrorsFromChannel: true });
    reached();
    const ended = new AbortController();
    const end = (error: unknown): void => ended.abort(error);
    channel.on('error', end);
    channel.once('close', () => end(new Error('The channel to RabbitMQ was closed')));
    channel.once('basic.cancel', (_, error) => end(error));
    const stop = onAbort(signal, () => end(signal.reason));
    try {
      const queue = await declareQueue(channel, this.#link.exchange, this.#options);
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
      known();
      await new Promise<void>((resolve) => onAbort(ended.signal, resolve));
      if (!signal.aborted) throw ended.signal.reason as Error;
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
