import type { Channel } from 'rabbitmq-client';
import { endsWithin, fieldOf, systemClock } from '../../core/index.ts';
import type { BrokerMessage, PublishOutcome } from '../broker/index.ts';
import type { RabbitmqLink } from './link.ts';
import { declareExchange, keyHeader } from './topology.ts';

const accepted: PublishOutcome = { status: 'accepted' };
/** How long a confirm may take, in milliseconds. A server that is short of memory or disk gives none. */
const patience = 10_000;
/** What a server closes a channel with for a message that it never takes: too large. */
const neverTaken = new Set(['PRECONDITION_FAILED', 'CONTENT_TOO_LARGE']);

/** One channel with publisher confirms. */
export class Publisher {
  readonly #link: RabbitmqLink;
  /** The messages that no queue wanted. */
  readonly #returned = new Set<string>();
  #opening: Promise<Channel> | undefined;
  /** Returns are told after the confirms that they belong to, in the next turn of the loop. */
  #turn: Promise<void> | undefined;

  constructor(link: RabbitmqLink) {
    this.#link = link;
  }

  /** @throws BrokerUnreachableError where there is no connection just now */
  channel(): Promise<Channel> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** Never rejects. */
  async send(channel: Channel, message: BrokerMessage): Promise<PublishOutcome> {
    const { id, topic, key, body, headers } = message;
    try {
      const confirmed = channel.basicPublish(
        {
          exchange: this.#link.exchange,
          routingKey: topic,
          mandatory: true,
          durable: true,
          messageId: id,
          contentType: 'application/json',
          // With it the client leaves bodies as they are.
          contentEncoding: 'utf-8',
          headers: { ...headers, ...(key === undefined ? {} : { [keyHeader]: key }) },
        },
        Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      );
      if (!(await endsWithin(systemClock, confirmed, patience))) throw new Error('RabbitMQ sent no confirm in time');
      await this.#nextTurn();
    } catch (error) {
      return { status: neverTaken.has(String(fieldOf(error, 'code'))) ? 'refused' : 'unavailable', error };
    }
    if (!this.#returned.delete(id)) return accepted;
    return { status: 'refused', error: new Error(`No queue takes the topic "${topic}": no group has consumed it yet`) };
  }

  async close(): Promise<void> {
    const channel = await this.#opening?.catch(() => {});
    await channel?.close();
  }

  async #open(): Promise<Channel> {
    try {
      const channel = await this.#link.acquire();
      channel.on('error', () => {});
      channel.once('close', () => (this.#opening = undefined));
      channel.on('basic.return', ({ messageId }) => void this.#returned.add(String(messageId)));
      await declareExchange(channel, this.#link.exchange);
      await channel.confirmSelect();
      return channel;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  #nextTurn(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        resolve();
      });
    });
    return this.#turn;
  }
}
