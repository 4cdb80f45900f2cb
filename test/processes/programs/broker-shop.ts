// Relays messages to a broker, or consumes them, until it is killed: by itself at a point, or from outside.
import { subscribe } from 'node:diagnostics_channel';
import { channelNames, createDatabase, type TransactionEndEvent } from '../../../src/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createOutbox, defineTopic, type MessageBroker } from '../../../src/outbox/index.ts';
import { brokerKinds } from '../../support/brokers.ts';

/** A process of the test. */
export interface BrokerShop {
  readonly kind: string;
  readonly url: string;
  /** Of the stream or the exchange. */
  readonly place: string;
  readonly role: 'relay' | 'consumer';
  readonly dieAt: 'before' | 'after' | 'at any moment';
  /** Of which message or batch it dies, counted from 1. */
  readonly dieOf: number;
}

const { kind, url, place, role, dieAt, dieOf } = JSON.parse(process.argv[2] ?? '{}') as BrokerShop;
const database = createDatabase({ clients: { default: postgres({ connectionString: url, max: 9 }) } });
const opened = brokerKinds.find(({ name }) => name === kind)?.open(place);
if (opened === undefined) throw new Error(`no broker ${kind}`);
// Who died may have noted what its connection has been told of.
process.on('warning', () => {});

let reached = 0;
const dieIfReached = (): void => {
  reached += 1;
  if (reached === dieOf) process.kill(process.pid, 'SIGKILL');
};

/** Dies when it has sent a batch that is not deleted yet, or before it has sent any of it. */
function dyingPublisher(broker: MessageBroker): MessageBroker {
  return {
    ...broker,
    async publish(messages) {
      if (dieAt === 'before') dieIfReached();
      const outcomes = await broker.publish(messages);
      if (dieAt === 'after') dieIfReached();
      process.stdout.write('did\n');
      return outcomes;
    },
  };
}

const outbox = createOutbox(database, {
  broker: dyingPublisher(opened),
  batchSize: 10,
  pollInterval: 20,
  retryDelay: 20,
  secret: 'a secret of all services',
});
if (role === 'relay') outbox.start();
else {
  if (dieAt === 'after') {
    subscribe(channelNames.transactionEnd, (event) => {
      const { transaction, outcome } = event as TransactionEndEvent;
      if (transaction?.startsWith('consume ') && outcome === 'committed') dieIfReached();
    });
  }
  outbox.consume(
    defineTopic<{ readonly n: number }>('orders.placed'),
    async ({ n }, { key }) => {
      await database.query('insert into effect (n, key) values ($1, $2)', [n, key]);
      if (dieAt === 'before') dieIfReached();
      process.stdout.write('did\n');
    },
    { group: 'stock', retryDelay: 20, concurrency: 8 },
  );
}
