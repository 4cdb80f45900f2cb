// Drizzle as its users have it, on both servers.
import { relations } from 'drizzle-orm';
import { int, mysqlTable, text as mysqlText } from 'drizzle-orm/mysql-core';
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2';
import { drizzle as drizzlePg, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { createPool, type Pool as MysqlPool } from 'mysql2';
import pg from 'pg';
import { ambientPool as ambientMysqlPool } from '../../../src/drivers/mysql/index.ts';
import { ambientPool as ambientPgPool } from '../../../src/drivers/postgres/index.ts';
import { bindDrizzle } from '../../../src/integrations/drizzle/index.ts';
import { engine } from '../../support/database.ts';
import { failureOf, type Openings, type Usage } from './suite.ts';

export const onMariadb = engine.name === 'mariadb';

const pgProduct = pgTable('product', {
  id: integer().primaryKey(),
  stock: integer().notNull().default(0),
  name: text(),
});
const pgPart = pgTable('part', { id: integer().primaryKey(), product: integer().notNull() });

const mysqlProduct = mysqlTable('product', {
  id: int().primaryKey(),
  stock: int().notNull().default(0),
  name: mysqlText(),
});
const mysqlPart = mysqlTable('part', { id: int().primaryKey(), product: int().notNull() });

// What the usages need of both dialects is the same, so that they are typed by one of them.
export const product = onMariadb ? (mysqlProduct as unknown as typeof pgProduct) : pgProduct;
export const part = onMariadb ? (mysqlPart as unknown as typeof pgPart) : pgPart;

const tables = {
  product,
  part,
  productParts: relations(product, ({ many }) => ({ parts: many(part) })),
  partProduct: relations(part, ({ one }) => ({
    product: one(product, { fields: [part.product], references: [product.id] }),
  })),
};

export type Db = NodePgDatabase<typeof tables>;
export type Transaction = Parameters<Parameters<Db['transaction']>[0]>[0];
export type DrizzleUsage = Usage<Db>;

/** The tables beside `product`. */
export const schema = ['create table part (id int primary key, product int not null)'];

const logs = new WeakMap<Db, string[]>();

/** The statements that its logger was told. */
export function logOf(db: Db): string[] {
  return logs.get(db) ?? [];
}

function logged(make: (options: { logger: { logQuery(query: string): void } }) => Db): Db {
  const log: string[] = [];
  const db = make({ logger: { logQuery: (query) => void log.push(query) } });
  logs.set(db, log);
  return db;
}

const onMysqlPool = (pool: MysqlPool): Db =>
  logged((options) => drizzleMysql(pool, { ...options, schema: tables, mode: 'planetscale' }) as unknown as Db);
const onPgPool = (pool: pg.Pool): Db => logged((options) => drizzlePg(pool, { ...options, schema: tables }));

export const openings: Openings<Db> = {
  alone: (url) =>
    onMariadb
      ? onMysqlPool(createPool({ uri: url, connectionLimit: 4 }))
      : onPgPool(new pg.Pool({ connectionString: url, max: 4 })),
  bound: (database) =>
    bindDrizzle(onMariadb ? onMysqlPool(ambientMysqlPool(database)) : onPgPool(ambientPgPool(database)), database),
  close: (db) => (onMariadb ? mysqlPoolOf(db).promise() : poolOf(db)).end(),
};

function poolOf(db: Db): pg.Pool {
  return (db as Db & { readonly $client: pg.Pool }).$client;
}

function mysqlPoolOf(db: Db): MysqlPool {
  return (db as unknown as { readonly $client: MysqlPool }).$client;
}

/** A Drizzle on one connection of the pool, and what gives that back. */
export async function onOneConnection(db: Db): Promise<{ readonly own: Db; readonly release: () => void }> {
  if (onMariadb) {
    const connection = await mysqlPoolOf(db).promise().getConnection();
    const own = drizzleMysql(connection, { schema: tables, mode: 'planetscale' }) as unknown as Db;
    return { own, release: () => connection.release() };
  }
  const client = await poolOf(db).connect();
  return { own: drizzlePg(client, { schema: tables }), release: () => client.release() };
}

/** What a user sees of an error of Drizzle, and of that of the server below. */
export async function failuresOf(promise: Promise<unknown>): Promise<object> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const { cause } = error instanceof Error ? error : {};
  return {
    told: await failureOf(Promise.reject(error)),
    cause: cause === undefined ? undefined : await failureOf(Promise.reject(cause)),
  };
}

/** As `failuresOf`, of what may succeed. */
export async function failuresIfAny(promise: Promise<unknown>): Promise<object | undefined> {
  return await promise.then(
    () => undefined,
    (error: unknown) => failuresOf(Promise.reject(error)),
  );
}

export async function idsIn(db: Pick<Db, 'select'>): Promise<number[]> {
  return (await db.select({ id: product.id }).from(product).orderBy(product.id)).map(({ id }) => id);
}
