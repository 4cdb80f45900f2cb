import { createDatabase, type Database } from 'sluice';
import { postgres } from 'sluice/postgres';
import { createSagaTables } from 'sluice/saga';
import { sqlite } from 'sluice/sqlite';

/** Orders and stock are in PostgreSQL, payments in a file of their own: no transaction is on both. */
export type Shop = Database<'default' | 'payments'>;

export interface ShopOptions {
  /** Default: `DATABASE_URL`. */
  readonly connectionString?: string | undefined;
  /** The schema of the tables. */
  readonly schema?: string;
  /** The file of the payments. Default: `PAYMENTS_FILE`, or `payments.db`. */
  readonly paymentsFile?: string;
}

export function openShop({ connectionString, schema = 'sluice_example_saga', paymentsFile }: ShopOptions = {}): Shop {
  return createDatabase({
    clients: {
      default: postgres({
        connectionString: connectionString ?? process.env['DATABASE_URL'],
        options: `-c search_path=${schema}`,
      }),
      payments: sqlite({ file: paymentsFile ?? process.env['PAYMENTS_FILE'] ?? 'payments.db' }),
    },
  });
}

/** Makes the tables that are missing. Those of the sagas are on both databases: each records the steps on it. */
export async function setUp(shop: Shop, schema = 'sluice_example_saga'): Promise<void> {
  await shop.transaction(async () => {
    await shop.query(`create schema if not exists ${schema}`);
    await shop.query(
      'create table if not exists stock (product_id text primary key, available int not null, reserved int not null default 0)',
    );
    await shop.query(
      'create table if not exists reservation (id serial primary key, product_id text not null, quantity int not null)',
    );
    await shop.query(
      'create table if not exists "order" (id serial primary key, customer_id text not null, status text not null)',
    );
    await shop.query(
      'create table if not exists order_line (order_id int not null, product_id text not null, quantity int not null, price int not null)',
    );
    await createSagaTables(shop.current);
  });
  const onPayments = async (): Promise<void> => {
    await shop.current.query('create table if not exists payment (order_id int primary key, amount int not null)');
    await createSagaTables(shop.current);
  };
  await shop.switchDb(() => shop.transaction(onPayments), { clientName: 'payments' });
}
