import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { channelNames } from '../../src/index.ts';
import {
  BrokerUnreachableError,
  ConsumerStoppedError,
  createOutbox,
  createOutboxTables,
  defineTopic,
  type MessageBroker,
} from '../../src/outbox/index.ts';
import { nats } from '../../src/outbox/nats/index.ts';
import { rabbitmq } from '../../src/outbox/rabbitmq/index.ts';
import { brokerKinds } from '../support/brokers.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith } from '../support/servers.ts';
import { until } from '../support/settled.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const server = useTestDatabase();
const orders = defineTopic<{ readonly n: number }>('orders.placed');
const hush = 'hush-4711';

/** What was reported of consumers. */
const reports: unknown[] = [];
const note = (event: unknown): void => void reports.push((event as { readonly error: unknown }).error);
beforeEach(() => {
  reports.length = 0;
  subscribe(channelNames.backgroundError, note);
});
afterEach(() => unsubscribe(channelNames.backgroundError, note));

/** Takes connections, and ends them. */
async function startDeaf(): Promise<{ readonly port: number; attempts(): number } & AsyncDisposable> {
  let attempts = 0;
  const listening = createServer((socket) => {
    attempts += 1;
    socket.on('error', () => {}).destroy();
  }).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  return {
    port: (listening.address() as AddressInfo).port,
    attempts: () => attempts,
    async [Symbol.asyncDispose]() {
      listening.close();
      await once(listening, 'close');
    },
  };
}

const impatient: Record<'nats' | 'rabbitmq', (port: number) => MessageBroker> = {
  nats: (port) => nats({ connection: { servers: `nats://user:${hush}@127.0.0.1:${port}` } }),
  rabbitmq: (port) =>
    rabbitmq({
      connection: {
        url: `amqp://user:${hush}@127.0.0.1:${port}`,
        acquireTimeout: 100,
        retryLow: 100,
        retryHigh: 100,
      },
    }),
};

for (const kind of brokerKinds) {
  await describeWith(kind.server, `${kind.server} that is away`, () => {
    it('is reported once with its address, until the consumer is stopped, whose "ready" rejects then', async () => {
      await using deaf = await startDeaf();
      const database = server.open();
      await createOutboxTables(database.current);
      const broker = impatient[kind.name](deaf.port);
      const consumer = createOutbox(database, { broker }).consume(orders, () => {}, { group: 'stock' });
      let isSettled = false;
      consumer.ready.catch(() => (isSettled = true));
      await until('it is reported', () => reports.length > 0);
      const before = deaf.attempts();
      await until('it is tried again', () => deaf.attempts() >= before + (kind.name === 'nats' ? 3 : 15));
      expect(reports).toHaveLength(1);
      const [error] = reports;
      expect(error).toBeInstanceOf(BrokerUnreachableError);
      const { message, cause } = error as BrokerUnreachableError;
      expect(message).toContain(`${kind.server} cannot be reached at 127.0.0.1:${deaf.port}.`);
      expect(cause).toBeInstanceOf(Error);
      expect((cause as Error).message).not.toContain('timed out');
      expect(inspect(error, { depth: 10 })).not.toContain(hush);
      expect(isSettled).toBe(false);
      await consumer.stop();
      await expect(consumer.ready).rejects.toBeInstanceOf(ConsumerStoppedError);
      const [outcome] = await broker.publish([
        { id: '1', topic: orders.name, key: undefined, body: Buffer.from('1'), headers: {} },
      ]);
      expect(outcome).toMatchObject({ status: 'unavailable', error: { code: 'BROKER_UNREACHABLE' } });
      await broker.close();
    });

    it('is reported again when it was there in between', async () => {
      const place = kind.place(`away-${process.pid}`);
      const proxy = await startTcpProxy(kind.url);
      const database = server.open();
      await createOutboxTables(database.current);
      const [broker, other] = [place.open(proxy.url), place.open()];
      const consumer = createOutbox(database, { broker }).consume(orders, () => {}, { group: 'stock' });
      try {
        await consumer.ready;
        for (const times of [1, 2]) {
          proxy.refuse(true);
          proxy.cut();
          await until('it is reported', () => reports.length > 0, 20_000);
          proxy.refuse(false);
          const body = Buffer.from('{"n":1}');
          const sent = { id: `${kind.name} ${times}`, topic: orders.name, key: undefined, body, headers: {} };
          expect(await other.publish([sent])).toEqual([{ status: 'accepted' }]);
          await until('it is handled', () => consumer.handled === times, 20_000);
          expect(reports).toHaveLength(1);
          reports.length = 0;
        }
      } finally {
        await consumer.stop();
        await Promise.all([broker.close(), other.close()]);
        await place.drop();
        await proxy.close();
      }
    });
  });
}
