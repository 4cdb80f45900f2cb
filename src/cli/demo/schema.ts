import type { Database } from '../../index.ts';

/** The tables live in a schema of the run's own, so that nothing of the user's database is touched. */
export const schemaName: string = `sluice_demo_${process.pid}`;

export const products = 20;
const stockOfEach = 35;

const tables = [
  `create table product (id int primary key, stock int not null)`,
  `create table checkout_order (id int primary key, buyer int not null, status text not null)`,
  `create table order_line (order_id int not null references checkout_order, product_id int not null references product, quantity int not null)`,
  `create table reservation (order_id int not null, product_id int not null references product, quantity int not null)`,
  `create table payment (order_id int primary key references checkout_order, amount int not null)`,
  `create table audit (order_id int primary key, event text not null)`,
];

/** Creates empty tables and fills the shelves with too little for everybody. */
export async function createTables(database: Database): Promise<void> {
  const { current } = database;
  await dropTables(database);
  await current.query(`create schema ${schemaName}`);
  for (const table of tables) await current.query(table);
  await current.query('insert into product select id, $1 from generate_series(1, $2) id', [stockOfEach, products]);
}

export async function dropTables(database: Database): Promise<void> {
  await database.current.query(`drop schema if exists ${schemaName} cascade`);
}

export const initialStock: number = products * stockOfEach;
