// Every option of Drizzle's own transactions on MySQL: it has the effect that it has on a pool of mysql2, or it is refused.
import { sql } from 'drizzle-orm';
import type { MySqlTransactionConfig } from 'drizzle-orm/mysql-core';
import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2';
import { createPool } from 'mysql2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/mysql/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { characteristicsOf, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
let alone: MySql2Database;
let end: () => Promise<unknown>;

beforeAll(() => {
  const pool = createPool({ uri: server.url, connectionLimit: 1 });
  alone = drizzle(pool);
  end = () => pool.promise().end();
});
afterAll(() => end());

type Config = MySqlTransactionConfig;
type Values = { readonly [Name in keyof Config]-?: readonly Exclude<Config[Name], undefined>[] };

/** All values of all options. */
const values: Values = {
  isolationLevel: ['read uncommitted', 'read committed', 'repeatable read', 'serializable'],
  accessMode: ['read only', 'read write'],
  withConsistentSnapshot: [true, false],
};
const refused = new Set<unknown>(['withConsistentSnapshot: true']);

/** Its least level is what MariaDB would give by itself. */
const configOf = (name: string, value: unknown): Config => ({ isolationLevel: 'repeatable read', [name]: value });

/** What can be told of a transaction from within. */
async function effectOf(db: MySql2Database, config: Config): Promise<object> {
  await server.sql('delete from product');
  await server.sql('insert into product (id) values (1)');
  return await db.transaction(async (tx) => {
    const read = async (): Promise<number> => (await tx.select({ id: sql`id` }).from(sql`product`)).length;
    const first = await read();
    // A writer waits for what is read at SERIALIZABLE.
    const beside = server.sql('set statement innodb_lock_wait_timeout = 0 for delete from product where id = 1');
    const isLocked = await beside.then(
      () => false,
      () => true,
    );
    const again = await read();
    const written = await tx.execute(sql`insert into product (id) values (2)`).then(
      () => 'written',
      (error: { cause?: { errno?: unknown } }) => error.cause?.errno,
    );
    return { first, isLocked, again, written };
  }, config);
}

const cases = Object.entries(values).flatMap(([name, given]) => given.map((value): [string, unknown] => [name, value]));

it.each(cases)('%s: %s', async (name, value) => {
  const config = configOf(name, value);
  const database = server.open({ max: 2 });
  const db = bindDrizzle(drizzle(ambientPool(database)), database);
  if (refused.has(`${name}: ${String(value)}`)) {
    const { message, cause } = await rejection(db.transaction(() => Promise.resolve(), config));
    expect(`${message} ${String(cause)}`).toMatch(/consistent snapshot/i);
  } else {
    expect(await effectOf(db, config)).toEqual(await effectOf(alone, config));
  }
  expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
});

it('all of them are what the transaction is at, in one that gives as much too', async () => {
  const database = server.open({ max: 1 });
  const db = bindDrizzle(drizzle(ambientPool(database)), database);
  const config: Config = { isolationLevel: 'serializable', accessMode: 'read only' };
  const own = await db.transaction(() => characteristicsOf(database), config);
  expect(own).toEqual({ isolation: 'SERIALIZABLE', readOnly: 1 });
  const joined = await database.transaction(() => db.transaction(() => characteristicsOf(database), config), {
    isolationLevel: 'SERIALIZABLE',
    readOnly: true,
  });
  expect(joined).toEqual(own);
  const asksForMore = database.transaction(() => db.transaction(() => Promise.resolve(), config));
  expect((await rejection(asksForMore)).cause).toMatchObject({ code: 'INCOMPATIBLE_TRANSACTION' });
  const refusal = await rejection(
    database.transaction(() =>
      db.transaction(() => Promise.resolve(), { isolationLevel: 'repeatable read', withConsistentSnapshot: true }),
    ),
  );
  expect(refusal.cause).toMatchObject({ code: 'TRANSACTION_CONTROL' });
});
