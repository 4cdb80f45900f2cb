export const schemaName = 'sluice_example_checkout';

/** The migration of the example. */
export const schema = [
  `create schema if not exists ${schemaName}`,
  'create table if not exists stock (product_id text primary key, available int not null, reserved int not null default 0)',
  'create table if not exists reservation (id serial primary key, product_id text not null, quantity int not null, expires_at timestamptz not null)',
  'create table if not exists "order" (id serial primary key, customer_id text not null, status text not null)',
  'create table if not exists order_line (id serial primary key, order_id int not null references "order", product_id text not null, quantity int not null, price int not null)',
  'create table if not exists payment (order_id int primary key references "order", amount int not null, method text not null)',
];
