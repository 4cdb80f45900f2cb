import type { Database } from 'sluice';

const statements = {
  stock: [
    'create schema if not exists example_stock',
    'create table if not exists item (id int primary key, available int not null check (available >= 0))',
  ],
  shop: [
    'create schema if not exists example_shop',
    // Checked at the commit: an order may be written before its customer.
    'create table if not exists customer (id int primary key)',
    `create table if not exists "order" (
      id int generated always as identity primary key,
      customer_id int not null references customer deferrable initially deferred,
      item_id int not null, quantity int not null)`,
  ],
};

/** Makes what a service needs in its database. */
export async function setUp(database: Database, service: keyof typeof statements): Promise<void> {
  for (const statement of statements[service]) await database.query(statement);
}
