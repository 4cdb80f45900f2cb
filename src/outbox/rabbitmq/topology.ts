import type { Channel } from 'rabbitmq-client';
import type { SubscribeOptions } from '../broker/index.ts';

/** The header that has a message's key. */
export const keyHeader = 'sluice-key';
/**
 * Servers since 4.0 give up a message of a quorum queue that came back 20 times, as when its consumers are killed; those before
 * know no value for "never".
 */
const deliveryLimit = 2_000_000_000;

export async function declareExchange(channel: Channel, exchange: string): Promise<void> {
  await channel.exchangeDeclare({ exchange, type: 'topic', durable: true });
}

/** A replicated queue for a group, of which one consumer at a time gets the messages, and one for what no consumer could take. */
export async function declareQueue(
  channel: Channel,
  exchange: string,
  { topic, group }: SubscribeOptions,
): Promise<string> {
  const queue = `${exchange}.${topic}.${group}`;
  const dead = `${queue}.dead`;
  await declareExchange(channel, exchange);
  await channel.queueDeclare({ queue: dead, durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.queueDeclare({
    queue,
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-single-active-consumer': true,
      'x-delivery-limit': deliveryLimit,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': dead,
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    },
  });
  await channel.queueBind({ queue, exchange, routingKey: topic });
  return queue;
}
