import { createCommitTable } from '../../src/drivers/mysql/index.ts';
import { createEventTables } from '../../src/events/index.ts';
import type { Database } from '../../src/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { createIdempotencyTables } from '../../src/ports/idempotency/index.ts';
import { createSagaTables } from '../../src/saga/index.ts';
import { customers, type EngineName, firstBalance, firstStock, products, revenueOf } from '../settings.ts';

/** Tables without a key that would keep a second effect out: to find those is the work of the proofs. */
const tables = [
  'create table account (id int primary key, balance bigint not null)',
  'create table sale (order_id varchar(60) not null, product_id int not null, customer int not null, quantity int not null, price int not null)',
  'create index sale_order on sale (order_id)',
  'create table effect (kind varchar(20) not null, order_id varchar(60) not null)',
  'create index effect_order on effect (order_id, kind)',
  'create table attempt (order_id varchar(60) not null)',
];

/** Makes the tables of the shop and of Sluice; there is a table `product` already. */
export async function makeTables(database: Database<'default'>, engine: EngineName): Promise<void> {
  const db = database.current;
  for (const text of tables) await db.query(text);
  for (let id = 1; id <= products; id += 1)
    await db.query('insert into product (id, stock, name) values ($1, $2, $3)', [id, firstStock, `first ${id}`]);
  const open = (id: number, balance: number): Promise<unknown> =>
    db.query('insert into account (id, balance) values ($1, $2)', [id, balance]);
  for (let id = 1; id <= customers; id += 1) await open(id, firstBalance);
  for (let id = 1; id <= products; id += 1) await open(revenueOf(id), 0);
  await createOutboxTables(db);
  await createEventTables(db);
  await createIdempotencyTables(db);
  await createSagaTables(db);
  if (engine === 'mariadb') await createCommitTable(db);
}
