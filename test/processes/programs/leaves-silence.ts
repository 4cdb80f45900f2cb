// Uses a server, which goes silent when its parent is told so, closes what it has, and ends when nothing keeps it: with 0, or with 3
// where something does.
import { createDatabase } from '../../../src/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createOutbox, createOutboxTables, defineTopic, type MessageBroker } from '../../../src/outbox/index.ts';
import { nats } from '../../../src/outbox/nats/index.ts';
import { rabbitmq } from '../../../src/outbox/rabbitmq/index.ts';
import { bullmq } from '../../../src/queue/engines/bullmq/index.ts';
import { pgBoss } from '../../../src/queue/engines/pg-boss/index.ts';
import { createJobs, defineQueue, type QueueEngineFactory } from '../../../src/queue/index.ts';

const [kind = '', when = '', connectionString = '', url = '', name = ''] = process.argv.slice(2);
/** Longer than a busy machine takes to end, in milliseconds. */
const patience = 8_000;

const database = createDatabase({ clients: { default: postgres({ connectionString }) } });
await createOutboxTables(database.current);

async function useBroker(broker: MessageBroker): Promise<() => Promise<void>> {
  const topic = defineTopic<number>('orders.placed');
  const handled = Promise.withResolvers<void>();
  const outbox = createOutbox(database, { broker, pollInterval: 50 });
  outbox.consume(topic, () => handled.resolve(), { group: 'stock' });
  outbox.start();
  await outbox.publish(topic, 1);
  if (when === 'used') await handled.promise;
  return async () => {
    // Of one that is closed first all connections are in use.
    if (when === 'used') await broker.close();
    await outbox.stop({ timeout: 500 });
    await broker.close();
  };
}

async function useEngine(engine: QueueEngineFactory): Promise<() => Promise<void>> {
  const mail = defineQueue<number, number>('mail');
  const jobs = createJobs(database, { engine, queues: { mail } });
  jobs.worker().handle(mail, (number) => number + 1);
  if (when === 'used') await jobs.queues.mail.pushAsync(1);
  return () => jobs.close({ timeout: 500 });
}

function use(): Promise<() => Promise<void>> {
  switch (kind) {
    case 'NATS':
      return useBroker(nats({ connection: { servers: url }, stream: name }));
    case 'RabbitMQ':
      return useBroker(rabbitmq({ connection: url, exchange: name }));
    case 'BullMQ':
      return useEngine(bullmq({ connection: url, prefix: name }));
    default:
      return useEngine(pgBoss({ connectionString: url, schema: name }));
  }
}

const close = await use();
process.once('message', () => {
  process.disconnect();
  void end();
});
process.send?.('in use');

async function end(): Promise<void> {
  const startedAt = performance.now();
  await close();
  await database.close();
  process.stdout.write(`closed in time: ${performance.now() - startedAt < patience}\n`);
  setTimeout(() => {
    console.error('still alive, kept by', process.getActiveResourcesInfo());
    process.exit(3);
  }, patience).unref();
}
