// All libraries in one transaction, and many of them at once, each with its own facade over the same connections.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MikroORM } from '@mikro-orm/postgresql';
import { EntitySchema as MikroSchema } from '@mikro-orm/core';
import { PrismaPg } from '@prisma/adapter-pg';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { EntitySchema } from 'typeorm';
import { afterAll, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import type { Database } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { bindMikroOrm, mikroOrmTypes } from '../../src/integrations/mikro-orm/index.ts';
import { bindPrisma } from '../../src/integrations/prisma/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { generatePrismaClient } from '../support/prisma-client.ts';
import { rejection } from '../support/settled.ts';

type Product = { id: number };
const TypeormProduct = new EntitySchema<Product>({
  name: 'product',
  columns: { id: { type: 'int', primary: true } },
});
const MikroProduct = new MikroSchema<Product>({
  name: 'Product',
  tableName: 'product',
  properties: { id: { type: 'integer', primary: true } },
});
const drizzleProduct = pgTable('product', { id: integer().primaryKey() });

const folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), '.prisma-'));
const PrismaClient = await generatePrismaClient(folder);
afterAll(() => rmSync(folder, { recursive: true }));

const server = useTestDatabase();

/** Inserts by each library, in a transaction of its own where `nested` says so. */
interface Writers {
  readonly names: readonly string[];
  readonly insert: (name: string, id: number, nested: boolean) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

async function openAll(database: Database<'default'>): Promise<Writers> {
  const kysely = bindKysely(
    new Kysely<{ product: Product }>({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }),
    database,
  );
  const knex = createKnex(database);
  const db = bindDrizzle(drizzle(ambientPool(database)), database);
  const dataSource = await createDataSource(database, { entities: [TypeormProduct] }).initialize();
  const prisma = bindPrisma(new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) }), database);
  const pool = ambientPool(database, undefined, { types: mikroOrmTypes(pg.types) });
  const orm = bindMikroOrm(
    await MikroORM.init({
      dbName: 'the one of the pool',
      ensureDatabase: false,
      entities: [MikroProduct],
      driverOptions: new PostgresDialect({ pool }),
    }),
    database,
  );
  const plain = ambientPool(database);
  const text = 'insert into product (id) values ($1)';
  const writers: Record<string, (id: number, nested: boolean) => Promise<unknown>> = {
    sql: (id, nested) =>
      nested
        ? database.transaction(() => database.current.query(text, [id]), { propagation: 'NESTED' })
        : database.current.query(text, [id]),
    pg: (id) => plain.query(text, [id]),
    Kysely: (id, nested) =>
      nested
        ? kysely.transaction().execute((trx) => trx.insertInto('product').values({ id }).execute())
        : kysely.insertInto('product').values({ id }).execute(),
    Knex: async (id, nested) =>
      nested ? await knex.transaction((trx) => trx('product').insert({ id })) : await knex('product').insert({ id }),
    Drizzle: async (id, nested) =>
      nested
        ? await db.transaction(async (tx) => await tx.insert(drizzleProduct).values({ id }))
        : await db.insert(drizzleProduct).values({ id }),
    TypeORM: (id, nested) =>
      nested
        ? dataSource.transaction((manager) => manager.insert(TypeormProduct, { id }))
        : dataSource.manager.insert(TypeormProduct, { id }),
    Prisma: async (id, nested) =>
      nested
        ? await prisma.$transaction(async (tx) => await tx.product.create({ data: { id } }))
        : await prisma.product.create({ data: { id } }),
    MikroORM: async (id, nested) => {
      const em = orm.em.fork();
      if (nested) await em.transactional((inner) => inner.insert(MikroProduct, { id }));
      else await em.insert(MikroProduct, { id });
    },
  };
  return {
    names: Object.keys(writers),
    insert: async (name, id, nested) => await writers[name]?.(id, nested),
    async close() {
      await Promise.all([kysely.destroy(), knex.destroy(), dataSource.destroy(), prisma.$disconnect(), orm.close()]);
    },
  };
}

describe('all libraries', () => {
  it('commit and roll back together, whoever opens the transaction, and nest in each other', async () => {
    const database = server.open({ max: 1 });
    const { names, insert, close } = await openAll(database);
    try {
      const all = async (from: number): Promise<void> => {
        for (const [index, name] of names.entries()) {
          await insert(name, from + index * 10, false);
          await insert(name, from + index * 10 + 1, true);
          // Its own failure is its own.
          if (name !== 'pg') await rejection(insert(name, from + index * 10, true));
        }
      };
      const count = (from: number): number[] => names.flatMap((_, index) => [from + index * 10, from + index * 10 + 1]);
      await rejection(
        database.transaction(async () => {
          await all(1_000);
          expect(await server.products()).toEqual([]);
          throw new Error('roll back');
        }),
      );
      expect(await server.products()).toEqual([]);
      await database.transaction(() => all(2_000));
      expect(await server.products()).toEqual(count(2_000));
      expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
    } finally {
      await close();
    }
  });

  it.each([10, 1])(
    '1,000 transactions, 50 at a time, through four libraries each, half rolled back, at max: %d',
    { timeout: 120_000 },
    async (max) => {
      const database = server.open({ max });
      const { names, insert, close } = await openAll(database);
      try {
        const expected: number[] = [];
        let next = 0;
        const caller = async (): Promise<void> => {
          while (next < 1_000) {
            const index = next;
            next += 1;
            const chosen = [0, 1, 2, 3].map((offset) => names[(index + offset) % names.length] ?? '');
            const fails = index % 2 === 1;
            const own = chosen.map((_, at) => index * 10 + at);
            const transaction = database.transaction(async () => {
              for (const [at, name] of chosen.entries()) await insert(name, own[at] ?? 0, at % 2 === 0);
              if (fails) throw new Error('roll back');
            });
            if (fails) await rejection(transaction);
            else await transaction;
            if (!fails) expected.push(...own);
          }
        };
        await Promise.all(Array.from({ length: 50 }, caller));
        expected.sort((one, other) => one - other);
        expect(expected).toHaveLength(2_000);
        expect(await server.products()).toEqual(expected);
        expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
      } finally {
        await close();
      }
    },
  );

  it('that nest in parallel inside of one transaction keep what the others wrote when one fails', async () => {
    const database = server.open({ max: 1 });
    const { names, insert, close } = await openAll(database);
    const nesting = names.filter((name) => name !== 'pg');
    try {
      await insert('sql', 0, false);
      await database.transaction(async () => {
        // Every second one fails: its id is there.
        const settled = await Promise.allSettled(
          nesting.flatMap((name, index) => [insert(name, index + 1, true), insert(name, 0, true)]),
        );
        const failed = settled.flatMap(({ status }, at) => (status === 'rejected' ? [at] : []));
        expect(failed).toEqual(nesting.map((_, index) => index * 2 + 1));
      });
      expect(await server.products()).toEqual([0, ...nesting.map((_, index) => index + 1)]);
    } finally {
      await close();
    }
  });
});
