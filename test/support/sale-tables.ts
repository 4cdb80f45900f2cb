import { beforeEach } from 'vitest';
import type { Database } from '../../src/index.ts';
import { proveRepeatable, rolledBack } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from './database.ts';

const key = {
  postgres: 'serial primary key',
  mariadb: 'int auto_increment primary key',
  sqlite: 'integer primary key autoincrement',
}[engine.name];

/** Tables of sales and of what is noted of them, with keys that the engine gives. */
export const saleTables: readonly string[] = [
  `create table sale (id ${key}, product_id int not null, token varchar(80), sold_at varchar(40))`,
  `create table audit (id ${key}, what varchar(40) not null)`,
];

/**
 * A database with those tables for each test. What a test sends itself it writes in its own file, as the places of findings tell
 * of that.
 */
export interface SaleDatabase {
  readonly database: Database<'default'>;
  /** Two products with five of each, and nothing sold. */
  readonly setup: () => Promise<void>;
  /** Both ways to prove a body. */
  readonly ways: Readonly<Record<string, (body: () => Promise<unknown>) => Promise<unknown>>>;
}

export function useSaleDatabase(): SaleDatabase {
  const server = useTestDatabase(...saleTables);
  let database: Database<'default'>;
  beforeEach(() => {
    database = server.open(engine.name === 'sqlite' ? {} : { max: 4 }, { foreignWaits: 'off' });
  });
  const setup = async (): Promise<void> => {
    for (const table of ['sale', 'audit', 'product']) await database.query(`delete from ${table}`);
    await database.query("insert into product (id, stock, name) values (1, 5, 'book'), (2, 5, 'pen')");
  };
  return {
    get database() {
      return database;
    },
    setup,
    ways: {
      proveRepeatable: (body) => proveRepeatable(database, { setup, body }),
      'a suite': (body) => setup().then(() => rolledBack(database, body, { proveRepeatable: true })),
    },
  };
}
