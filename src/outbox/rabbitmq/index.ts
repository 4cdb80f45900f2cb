import { type Channel, Connection } from 'rabbitmq-client';
import { type MessageBroker, publishInOrder, type Subscription } from '../broker/index.ts';
import { type RabbitmqOptions, rabbitmqSettings, type RabbitmqSettings } from './options.ts';
import { Publisher } from './publisher.ts';
import { RabbitmqSubscription } from './subscription.ts';

export type { RabbitmqOptions } from './options.ts';

interface Link {
  readonly connection: Connection;
  readonly publisher: Publisher;
}

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
  const { exchange } = settings;
  const subscriptions = new Set<Subscription>();
  let link: Link | undefined;
  const open = (): Link => (link ??= linkOf(settings));
  return {
    name: 'rabbitmq',
    async publish(messages) {
      const { publisher } = open();
      let channel: Channel;
      try {
        channel = await publisher.channel();
      } catch (error) {
        return messages.map(() => ({ status: 'unavailable', error }));
      }
      return await publishInOrder(messages, (message) => publisher.send(channel, message));
    },
    subscribe(subscribeOptions) {
      const subscription = new RabbitmqSubscription(open().connection, exchange, subscribeOptions);
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
      await Promise.all([...subscriptions].map((subscription) => subscription.close()));
      await link?.publisher.close();
      await link?.connection.close();
    },
  };
}

function linkOf({ connection: given, exchange }: RabbitmqSettings): Link {
  const connection = new Connection({ acquireTimeout: 5_000, retryLow: 200, retryHigh: 5_000, ...given });
  // Who needs the connection is told where it asks.
  connection.on('error', () => {});
  return { connection, publisher: new Publisher(connection, exchange) };
}
