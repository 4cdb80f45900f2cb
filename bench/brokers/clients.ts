// What a broker's own client publishes at once, in the batches that the relay has too.
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Connection } from 'rabbitmq-client';
import type { BrokerKind } from '../../test/support/brokers.ts';
import { natsUrl, rabbitmqUrl } from '../../test/support/servers.ts';

/** A client without Sluice, on the place of a benchmark. */
export interface BareClient {
  /** Resolves when the broker has confirmed all of them. */
  publish(messages: readonly { readonly id: string; readonly body: Buffer }[]): Promise<void>;
  /** How many messages the broker has. */
  stored(): Promise<number>;
  close(): Promise<void>;
}

export const topic = 'orders';
export const group = 'bench';

export async function openClient(kind: BrokerKind['name'], place: string): Promise<BareClient> {
  return await (kind === 'nats' ? openNats(place) : openRabbitmq(place));
}

async function openNats(stream: string): Promise<BareClient> {
  const connection = await connect({ servers: natsUrl });
  const client = jetstream(connection);
  const manager = await jetstreamManager(connection);
  return {
    async publish(messages) {
      await Promise.all(messages.map(({ id, body }) => client.publish(`${stream}.${topic}`, body, { msgID: id })));
    },
    stored: async () => (await manager.streams.info(stream)).state.messages,
    close: () => connection.close(),
  };
}

async function openRabbitmq(exchange: string): Promise<BareClient> {
  const connection = new Connection(rabbitmqUrl);
  const publisher = connection.createPublisher({ confirm: true });
  const queue = `${exchange}.${topic}.${group}`;
  return {
    async publish(messages) {
      const envelope = { exchange, routingKey: topic, durable: true, mandatory: true, contentEncoding: 'utf-8' };
      await Promise.all(messages.map(({ id, body }) => publisher.send({ ...envelope, messageId: id }, body)));
    },
    stored: async () => (await connection.queueDeclare({ queue, passive: true })).messageCount,
    async close() {
      await publisher.close();
      await connection.close();
    },
  };
}
