import { type Database, sql } from '../../index.ts';

export const products = 20;
const stockOfEach = 35;

const tables = {
  product: 'id int primary key, stock int not null',
  checkout_order: 'id int primary key, buyer int not null, status varchar(20) not null',
  order_line:
    'order_id int not null references checkout_order (id), product_id int not null references product (id), quantity int not null',
  reservation: 'order_id int not null, product_id int not null references product (id), quantity int not null',
  payment: 'order_id int primary key references checkout_order (id), amount int not null',
  audit: 'order_id int primary key, event varchar(20) not null',
} as const;

/** Creates empty tables and fills the shelves with too little for everybody. */
export async function createTables({ current }: Database): Promise<void> {
  const names = Object.entries(tables);
  for (const [name] of names.toReversed()) await current.query(`drop table if exists ${name}`);
  for (const [name, columns] of names) await current.query(`create table ${name} (${columns})`);
  await current.batch(
    Array.from(
      { length: products },
      (_, index) => sql`insert into product (id, stock) values (${index + 1}, ${stockOfEach})`,
    ),
  );
}

export const initialStock: number = products * stockOfEach;
