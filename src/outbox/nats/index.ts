import { headers as newHeaders } from '@nats-io/transport-node';
import {
  type BrokerMessage,
  type MessageBroker,
  publishInOrder,
  type PublishOutcome,
  sayGoodbye,
  type Subscription,
} from '../broker/index.ts';
import { isApiError, messageTooLarge } from './api-errors.ts';
import { headerNames, inHeader } from './headers.ts';
import { type NatsLink, NatsLinks, patience } from './link.ts';
import { type NatsOptions, natsSettings, type NatsSettings } from './options.ts';
import { NatsSubscription } from './subscription.ts';

export type { NatsOptions } from './options.ts';

const accepted: PublishOutcome = { status: 'accepted' };

/**
 * NATS JetStream as the broker of an outbox. It connects when it is first used. A message is kept by the stream, which takes one
 * that comes again within two minutes once (`Nats-Msg-Id`); later ones are known to the inbox of their consumers.
 *
 * ```ts
 * import { createOutbox } from 'sluice/outbox';
 * import { nats } from 'sluice/outbox/nats';
 * const outbox = createOutbox(database, { broker: nats({ connection: { servers: 'localhost:4222' } }) });
 * ```
 * @throws InvalidOptionError
 */
export function nats(options: NatsOptions = {}): MessageBroker {
  const settings = natsSettings(options);
  const links = new NatsLinks(settings);
  const subscriptions = new Set<Subscription>();
  return {
    name: 'nats',
    async publish(messages) {
      let link: NatsLink;
      try {
        link = await links.link();
      } catch (error) {
        return messages.map(() => ({ status: 'unavailable', error }));
      }
      return await publishInOrder(messages, (message) => send(link, settings, message));
    },
    subscribe(subscribeOptions) {
      const subscription = new NatsSubscription(links, settings, subscribeOptions);
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
      await sayGoodbye(Promise.all([...subscriptions].map((subscription) => subscription.close())));
      await links.close();
    },
  };
}

async function send({ client }: NatsLink, settings: NatsSettings, message: BrokerMessage): Promise<PublishOutcome> {
  const { id, topic, key, body } = message;
  const headers = newHeaders();
  for (const [name, value] of Object.entries(message.headers)) headers.set(name, value);
  headers.set(headerNames.id, inHeader(id));
  if (key !== undefined) headers.set(headerNames.key, inHeader(key));
  try {
    const msgID = `${topic}/${inHeader(id)}`;
    await client.publish(`${settings.stream}.${topic}`, body, { msgID, headers, timeout: patience });
    return accepted;
  } catch (error) {
    return { status: isTooLarge(error) ? 'refused' : 'unavailable', error };
  }
}

/** For the stream, or for any message of the server, which the client sees itself. */
function isTooLarge(error: unknown): boolean {
  return isApiError(error, messageTooLarge) || (error instanceof Error && error.message.includes('max_payload'));
}
