// A checkout over two servers as a saga: stock on PostgreSQL, payments on MariaDB. Every third order is declined at its end.
import { createDatabase, type Database } from '../../../src/index.ts';
import { mysql } from '../../../src/drivers/mysql/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createSagas, defineSaga, forgetEndedSagas, type Sagas, type SagaDefinition } from '../../../src/saga/index.ts';

/** Where the servers are. */
export interface Servers {
  readonly postgresUrl: string;
  readonly mariadbUrl: string;
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

export interface CheckoutShop {
  readonly database: Database<'default' | 'payments'>;
  readonly sagas: Sagas<{ checkout: Checkout }>;
}

export function openCheckout({ postgresUrl, mariadbUrl, max, isBroken }: Servers): CheckoutShop {
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
  return { database, sagas };
}

if (process.argv[2] !== undefined) {
  const servers = JSON.parse(process.argv[2]) as Servers;
  const { database, sagas } = openCheckout(servers);
  if (servers.forgets === true) void forgetEndedSagas(database, { olderThan: 0 });
  else sagas.start();
  console.log('ready');
  // It is killed, and ends in no other way.
  setInterval(() => {}, 60_000);
}
