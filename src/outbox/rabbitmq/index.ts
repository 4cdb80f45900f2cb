import type { Channel } from 'rabbitmq-client';
import { type MessageBroker, publishInOrder, sayGoodbye, type Subscription } from '../broker/index.ts';
import { RabbitmqLink } from './link.ts';
import { type RabbitmqOptions, rabbitmqSettings } from './options.ts';
import { Publisher } from './publisher.ts';
import { RabbitmqSubscription } from './subscription.ts';

export type { RabbitmqOptions } from './options.ts';

/**
 * RabbitMQ as the broker of an outbox. It connects when it is first used. Messages are persistent, confirmed, and refused where
 * no queue takes them; each group has a quorum queue, whose messages one process has at a time, and `<queue>.dead`.
 *
 * ```ts
 * import { createOutbox } from 'sluice/outbox';
 * import { rabbitmq } from 'sluice/outbox/rabbitmq';
 * const outbox = createOutbox(database, { broker: rabbitmq({ connection: 'amqp://guest:guest@localhost:5672' }) });
 * ```
 * @throws InvalidOptionError
 */
export function rabbitmq(options: RabbitmqOptions = {}): MessageBroker {
  const settings = rabbitmqSettings(options);
  const subscriptions = new Set<Subscription>();
  let link: RabbitmqLink | undefined;
  let publisher: Publisher | undefined;
  let closing: Promise<void> | undefined;
  const open = (): RabbitmqLink => (link ??= new RabbitmqLink(settings));
  const end = async (): Promise<void> => {
    await Promise.all([...subscriptions].map((subscription) => subscription.close()));
    await publisher?.close();
    await link?.close();
  };
  return {
    name: 'rabbitmq',
    async publish(messages) {
      const sender = (publisher ??= new Publisher(open()));
      let channel: Channel;
      try {
        channel = await sender.channel();
      } catch (error) {
        return messages.map(() => ({ status: 'unavailable', error }));
      }
      return await publishInOrder(messages, (message) => sender.send(channel, message));
    },
    subscribe(subscribeOptions) {
      const subscription = new RabbitmqSubscription(open(), subscribeOptions);
      subscriptions.add(subscription);
      return {
        ready: subscription.ready,
        pause: () => subscription.pause(),
        async close() {
          subscriptions.delete(subscription);
          await subscription.close();
        },
      };
    },
    async close() {
      await (closing ??= sayGoodbye(end(), () => link?.cut()));
    },
  };
}
