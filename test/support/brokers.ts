import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Connection } from 'rabbitmq-client';
import type { MessageBroker } from '../../src/outbox/index.ts';
import { nats } from '../../src/outbox/nats/index.ts';
import { rabbitmq } from '../../src/outbox/rabbitmq/index.ts';
import { natsUrl, rabbitmqUrl } from './servers.ts';
import { runName } from './skipped.ts';

/** Where the messages of a test are: names of its own on a server. */
export interface BrokerPlace {
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
  /** @param groups those of which queues are deleted in the end, as `<topic>.<group>` */
  place(scope: string, groups?: readonly string[]): BrokerPlace;
}

/** How long a process that was killed has its messages on NATS, in milliseconds. */
const lostAfter = 600;

const natsKind: BrokerKind = {
  name: 'nats',
  server: 'NATS',
  url: natsUrl,
  place(scope) {
    const stream = `t${runName()}-${scope}`.replaceAll(/[^\w-]/g, '_').slice(0, 50);
    return {
      open: (url = natsUrl) => nats({ connection: { servers: url.replace(/^tcp:/, 'nats:') }, stream, lostAfter }),
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
  place(scope, groups = ['orders.placed.stock', 'orders.placed.mail']) {
    const exchange = `t${runName()}-${scope}`.replaceAll(/[^\w-]/g, '_').slice(0, 50);
    return {
      open: (url = rabbitmqUrl) => rabbitmq({ connection: url, exchange }),
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
