import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers as newHeaders } from '@nats-io/transport-node';
import { Connection } from 'rabbitmq-client';
import type { MessageBroker } from '../../src/outbox/index.ts';
import { headerNames, inHeader } from '../../src/outbox/nats/headers.ts';
import { nats } from '../../src/outbox/nats/index.ts';
import { rabbitmq } from '../../src/outbox/rabbitmq/index.ts';
import { keyHeader } from '../../src/outbox/rabbitmq/topology.ts';
import { natsUrl, rabbitmqUrl } from './servers.ts';
import { runName } from './skipped.ts';

/** A message that another program has sent, which need not be as ours are. */
export interface ForeignMessage {
  readonly topic: string;
  readonly id?: string;
  readonly key?: string;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** RabbitMQ: what kind of body it says it has, from which its client makes something else. */
  readonly contentType?: string;
  /** RabbitMQ: the group whose queue gets it, whatever its topic is. */
  readonly into?: string;
}

/** Sends as another program does, with a client of its own. */
export interface ForeignSender {
  send(message: ForeignMessage): Promise<void>;
  close(): Promise<void>;
}

/** Where the messages of a test are: names of its own on a server. */
export interface BrokerPlace {
  /** Of the stream or the exchange. */
  readonly name: string;
  /** As a program does that is none of ours. The place has to be made before. */
  sender(): Promise<ForeignSender>;
  /** As another process would. @param url of a proxy, in place of the server's */
  open(url?: string): MessageBroker;
  /** Deletes all that was made there. */
  drop(): Promise<void>;
}

/** A kind of broker that tests run on. */
export interface BrokerKind {
  readonly name: 'nats' | 'rabbitmq';
  readonly server: 'NATS' | 'RabbitMQ';
  readonly url: string;
  /** As another process would. @param name of the place */
  open(name: string, url?: string): MessageBroker;
  /** @param groups those of which queues are deleted in the end, as `<topic>.<group>` */
  place(scope: string, groups?: readonly string[]): BrokerPlace;
}

/** How long a process that was killed has its messages on NATS, in milliseconds. */
const lostAfter = 600;

function placeName(scope: string): string {
  return `t${runName()}-${scope}`.replaceAll(/[^\w-]/g, '_').slice(0, 50);
}

const natsKind: BrokerKind = {
  name: 'nats',
  server: 'NATS',
  url: natsUrl,
  open: (stream, url = natsUrl) => nats({ connection: { servers: url }, stream, lostAfter }),
  place(scope) {
    const stream = placeName(scope);
    return {
      name: stream,
      open: (url) => natsKind.open(stream, url),
      async sender() {
        const connection = await connect({ servers: natsUrl });
        const client = jetstream(connection);
        return {
          async send({ topic, id, key, body, headers = {} }) {
            const sent = newHeaders();
            for (const [name, value] of Object.entries(headers)) sent.set(name, value);
            if (id !== undefined) sent.set(headerNames.id, inHeader(id));
            if (key !== undefined) sent.set(headerNames.key, inHeader(key));
            await client.publish(`${stream}.${topic}`, body, { headers: sent });
          },
          close: () => connection.close(),
        };
      },
      async drop() {
        const connection = await connect({ servers: natsUrl });
        const manager = await jetstreamManager(connection);
        for (const name of [stream, `${stream}_leases`]) await manager.streams.delete(name).catch(() => false);
        await connection.close();
      },
    };
  },
};

const rabbitmqKind: BrokerKind = {
  name: 'rabbitmq',
  server: 'RabbitMQ',
  url: rabbitmqUrl,
  open: (exchange, url = rabbitmqUrl) => rabbitmq({ connection: url, exchange }),
  place(scope, groups = ['orders.placed.stock', 'orders.placed.mail']) {
    const exchange = placeName(scope);
    return {
      name: exchange,
      open: (url) => rabbitmqKind.open(exchange, url),
      async sender() {
        const connection = new Connection(rabbitmqUrl);
        connection.on('error', () => {});
        const publisher = connection.createPublisher({ confirm: true });
        return {
          async send({ topic, id, key, body, headers = {}, contentType, into }) {
            const to = into === undefined ? { exchange, routingKey: topic } : { routingKey: `${exchange}.${into}` };
            const envelope = {
              ...to,
              ...(id === undefined ? {} : { messageId: id }),
              ...(contentType === undefined ? {} : { contentType }),
              headers: { ...headers, ...(key === undefined ? {} : { [keyHeader]: key }) },
            };
            await publisher.send(envelope, Buffer.from(body));
          },
          async close() {
            await publisher.close();
            await connection.close();
          },
        };
      },
      async drop() {
        const connection = new Connection(rabbitmqUrl);
        connection.on('error', () => {});
        for (const group of groups) {
          await connection.queueDelete({ queue: `${exchange}.${group}` });
          await connection.queueDelete({ queue: `${exchange}.${group}.dead` });
        }
        await connection.exchangeDelete({ exchange });
        await connection.close();
      },
    };
  },
};

export const brokerKinds: readonly BrokerKind[] = [natsKind, rabbitmqKind];
