// Consumes messages, one of which ends its process.
import { createDatabase } from '../../../src/index.ts';
import { mysql } from '../../../src/drivers/mysql/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createOutbox, defineTopic } from '../../../src/outbox/index.ts';
import { brokerKinds } from '../../support/brokers.ts';

/** A process of the test. */
export interface PoisonedConsumer {
  readonly engine: string;
  readonly url: string;
  readonly kind: string;
  /** Of the stream or the exchange. */
  readonly place: string;
  readonly attempts: number;
}

const { engine, url, kind, place, attempts } = JSON.parse(process.argv[2] ?? '{}') as PoisonedConsumer;
const client = engine === 'mariadb' ? mysql({ uri: url, max: 9 }) : postgres({ connectionString: url, max: 9 });
const database = createDatabase({ clients: { default: client } });
const broker = brokerKinds.find(({ name }) => name === kind)?.open(place);
if (broker === undefined) throw new Error(`no broker ${kind}`);

createOutbox(database, { broker }).consume(
  defineTopic<number>('orders.placed'),
  async (n) => {
    if (n === 13) process.exit(3);
    // Others are in the middle of it when the process ends.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await database.query('insert into effect (n) values ($1)', [n]);
  },
  { group: 'stock', attempts, retryDelay: 5, replayInterval: 20 },
);
