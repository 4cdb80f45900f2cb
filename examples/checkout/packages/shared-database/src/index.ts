import { drizzle } from 'drizzle-orm/node-postgres';
import { Kysely, PostgresDialect } from 'kysely';
import { createDatabase } from 'sluice';
import { bindDrizzle } from 'sluice/drizzle';
import { bindKysely } from 'sluice/kysely';
import { ambientPool, postgres } from 'sluice/postgres';
import { createDataSource } from 'sluice/typeorm';

export {
  closeDatabase,
  getManager,
  initDatabase,
  registerEntities,
  withTransaction,
  withTransactionIsolation,
} from 'sluice/typeorm';

export const schemaName = 'sluice_example_checkout';

export const database = createDatabase({
  clients: {
    default: postgres({
      connectionString: process.env['DATABASE_URL'],
      options: `-c search_path=${schemaName}`,
      max: 10,
    }),
  },
});

/** Entities are registered by each service; the schema is made by migrations. */
export const dataSource = createDataSource(database, { entities: [] });

/** The tables as Kysely sees them. */
interface Tables {
  payment: { order_id: number; amount: number; method: string };
}

export const kysely = bindKysely(
  new Kysely<Tables>({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }),
  database,
);

export const drizzled = bindDrizzle(drizzle(ambientPool(database)), database);

/** The migration of the example. */
export const schema = [
  `create schema if not exists ${schemaName}`,
  'create table if not exists stock (product_id text primary key, available int not null, reserved int not null default 0)',
  'create table if not exists reservation (id serial primary key, product_id text not null, quantity int not null, expires_at timestamptz not null)',
  'create table if not exists "order" (id serial primary key, customer_id text not null, status text not null)',
  'create table if not exists order_line (id serial primary key, order_id int not null references "order", product_id text not null, quantity int not null, price int not null)',
  'create table if not exists payment (order_id int primary key references "order", amount int not null, method text not null)',
];
