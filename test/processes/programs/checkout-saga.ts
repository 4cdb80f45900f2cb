// A checkout over three servers as a saga: stock on PostgreSQL, payments on MariaDB, and a job in Redis that tells of it. Every
// third order is declined at its end.
import { createDatabase, type Database } from '../../../src/index.ts';
import { mysql } from '../../../src/drivers/mysql/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { bullmq } from '../../../src/queue/engines/bullmq/index.ts';
import { createJobs, defineQueue, type Jobs } from '../../../src/queue/index.ts';
import { createSagas, defineSaga, forgetEndedSagas, type Sagas, type SagaDefinition } from '../../../src/saga/index.ts';

/** Where the servers are. */
export interface Servers {
  readonly postgresUrl: string;
  readonly mariadbUrl: string;
  readonly redisUrl: string;
  readonly redisPrefix: string;
  readonly max: number;
  /** Whether the effect of a step is written beside its transaction: what the test has to find. */
  readonly isBroken: boolean;
  /** Deletes sagas that have ended, and drives none. */
  readonly forgets?: boolean;
}

export interface Order {
  readonly id: number;
}

type Checkout = SagaDefinition<Order, string>;

const notify = defineQueue<Order, void>('notify', { concurrency: 4 });

export interface CheckoutShop {
  readonly database: Database<'default' | 'payments'>;
  readonly sagas: Sagas<{ checkout: Checkout }>;
  readonly jobs: Jobs<{ notify: typeof notify }>;
}

export function openCheckout(servers: Servers): CheckoutShop {
  const { postgresUrl, mariadbUrl, redisUrl, redisPrefix, max, isBroken } = servers;
  const database = createDatabase({
    clients: {
      default: postgres({ connectionString: postgresUrl, max }),
      payments: mysql({ uri: mariadbUrl, max }),
    },
    defaultClient: 'default',
  });
  const write = async (clientName: 'default' | 'payments', id: number, step: string, act: string): Promise<void> => {
    const db = database.getDb({ clientName });
    const query = (): Promise<unknown> =>
      db.query('insert into ledger (saga, step, act) values ($1, $2, $3)', [id, step, act]);
    await (isBroken && act === 'do' ? db.transaction.begin(query, { propagation: 'NOT_SUPPORTED' }) : query());
  };
  const jobs = createJobs(database, {
    engine: bullmq({ connection: redisUrl, prefix: redisPrefix, lostAfter: 1_000 }),
    queues: { notify },
  });
  const checkout = defineSaga('checkout', async (saga, order: Order) => {
    await saga.step('reserve', () => write('default', order.id, 'reserve', 'do'), {
      compensate: () => write('default', order.id, 'reserve', 'undo'),
    });
    const payment = await saga.step(
      'pay',
      { clientName: 'payments' },
      async () => {
        await write('payments', order.id, 'pay', 'do');
        return { amount: order.id };
      },
      { compensate: () => write('payments', order.id, 'pay', 'undo') },
    );
    await saga.sleep('cool down', 20);
    return await saga.step('confirm', async () => {
      await write('default', order.id, 'confirm', 'do');
      await jobs.queues.notify.push(order);
      if (order.id % 3 === 0) throw new Error('declined');
      return `paid ${payment.amount}`;
    });
  });
  const sagas = createSagas(database, {
    sagas: { checkout },
    lease: 400,
    pollInterval: 20,
    retryDelay: 20,
    concurrency: 5,
  });
  return { database, sagas, jobs };
}

/** Works on the jobs, each in a transaction. */
function notifies({ database, jobs }: CheckoutShop): void {
  jobs.worker().handle(notify, async ({ id }) => {
    await database.query("insert into ledger (saga, step, act) values ($1, 'notify', 'do')", [id]);
  });
}

if (process.argv[2] !== undefined) {
  const servers = JSON.parse(process.argv[2]) as Servers;
  const shop = openCheckout(servers);
  if (servers.forgets === true) void forgetEndedSagas(shop.database, { olderThan: 0 });
  else {
    notifies(shop);
    shop.sagas.start();
  }
  console.log('ready');
  // It is killed, and ends in no other way.
  setInterval(() => {}, 60_000);
}
