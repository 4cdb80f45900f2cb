// Two tenants in one table with row-level security, through all libraries at once: nobody ever sees a row of the other one, from the
// database or from a cache.
import { mkdtempSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EntitySchema as MikroSchema } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/postgresql';
import { PrismaPg } from '@prisma/adapter-pg';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { EntitySchema } from 'typeorm';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createCache, MemoryStore } from '../../src/cache/index.ts';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { createDatabase, type Database, withContext } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { bindMikroOrm, mikroOrmTypes } from '../../src/integrations/mikro-orm/index.ts';
import { bindPrisma } from '../../src/integrations/prisma/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { createModel, defineModel } from '../../src/model/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { generatePrismaClient } from '../support/prisma-client.ts';
import { rejection } from '../support/settled.ts';
import { startWireProxy } from '../support/wire-proxy.ts';

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

/** Roles belong to the whole server. */
const role = `sluice_shop_${randomBytes(6).toString('hex')}`;
const server = useTestDatabase(
  `create role ${role} nologin`,
  `grant select, insert, update, delete on product to ${role}`,
  'alter table product enable row level security',
  // The products of a tenant are the even ones, those of the other one the odd ones.
  `create policy tenants on product using (id % 2 = nullif(current_setting('shop.tenant', true), '')::int)`,
);
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.sql(`drop owned by ${role}`);
  await server.sql(`drop role ${role}`);
});

beforeEach(async () => {
  await server.sql('insert into product (id) select generate_series(0, 19)');
});

function open(connectionString: string, max: number): Database<'default'> {
  const settings = ({ tenant }: { readonly tenant?: string | undefined }): Record<string, string | undefined> => ({
    'shop.tenant': tenant,
    role,
  });
  return createDatabase({ clients: { default: postgres({ connectionString, max, settings }) } });
}

/** What each library can do; ids are those that it sees. */
interface Shop {
  readonly ids: () => Promise<readonly number[]>;
  /** In a transaction of the library. */
  readonly idsWithin: () => Promise<readonly number[]>;
  readonly insert: (id: number) => Promise<unknown>;
}

interface Shops {
  readonly byName: Readonly<Record<string, Shop>>;
  readonly close: () => Promise<void>;
}

const idsOf = (rows: readonly Product[]): number[] => rows.map(({ id }) => id);
const select = 'select id from product';
const insert = 'insert into product (id) values ($1)';

async function openShops(database: Database<'default'>): Promise<Shops> {
  const kysely = bindKysely(
    new Kysely<{ product: Product }>({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }),
    database,
  );
  const knex = createKnex(database);
  const db = bindDrizzle(drizzle(ambientPool(database)), database);
  const source = await createDataSource(database, { entities: [TypeormProduct] }).initialize();
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
  const all = { select: { id: true }, orderBy: { id: 'asc' } } as const;
  const byName: Record<string, Shop> = {
    Sluice: {
      ids: async () => idsOf((await database.query<Product>(select)).rows),
      idsWithin: () => database.transaction(async () => idsOf((await database.query<Product>(select)).rows)),
      insert: (id) => database.query(insert, [id]),
    },
    pg: {
      ids: async () => idsOf((await plain.query<Product>(select)).rows),
      async idsWithin() {
        const client = await plain.connect();
        try {
          await client.query('begin');
          const { rows } = await client.query<Product>(select);
          await client.query('commit');
          return idsOf(rows);
        } finally {
          client.release();
        }
      },
      insert: (id) => plain.query(insert, [id]),
    },
    Kysely: {
      ids: async () => idsOf(await kysely.selectFrom('product').select('id').execute()),
      idsWithin: () =>
        kysely.transaction().execute(async (trx) => idsOf(await trx.selectFrom('product').select('id').execute())),
      insert: (id) => kysely.insertInto('product').values({ id }).execute(),
    },
    Knex: {
      ids: async () => idsOf(await knex<Product>('product').select('id')),
      idsWithin: () => knex.transaction(async (trx) => idsOf(await trx<Product>('product').select('id'))),
      insert: async (id) => await knex('product').insert({ id }),
    },
    Drizzle: {
      ids: async () => idsOf(await db.select().from(drizzleProduct)),
      idsWithin: () => db.transaction(async (tx) => idsOf(await tx.select().from(drizzleProduct))),
      insert: async (id) => await db.insert(drizzleProduct).values({ id }),
    },
    TypeORM: {
      ids: async () => idsOf(await source.manager.find(TypeormProduct)),
      idsWithin: () => source.transaction(async (manager) => idsOf(await manager.find(TypeormProduct))),
      insert: (id) => source.manager.insert(TypeormProduct, { id }),
    },
    Prisma: {
      ids: async () => idsOf(await prisma.product.findMany(all)),
      idsWithin: () => prisma.$transaction(async (tx) => idsOf(await tx.product.findMany(all))),
      insert: async (id) => await prisma.product.create({ data: { id } }),
    },
    MikroORM: {
      ids: async () => idsOf(await orm.em.fork().find(MikroProduct, {})),
      idsWithin: () => orm.em.fork().transactional(async (em) => idsOf(await em.find(MikroProduct, {}))),
      insert: (id) => orm.em.fork().insert(MikroProduct, { id }),
    },
    caches: cachedShop(database),
  };
  return {
    byName,
    async close() {
      await Promise.all([kysely.destroy(), knex.destroy(), source.destroy(), prisma.$disconnect(), orm.close()]);
    },
  };
}

/** All of it from caches: of rows, of queries, and one whose key is the same for both. */
function cachedShop(database: Database<'default'>): Shop {
  const store = new MemoryStore();
  const product = createModel(
    database,
    defineModel<Product>({
      table: 'product',
      key: 'id',
      cache: { store, entity: true, query: true, memory: { max: 100 } },
    }),
  );
  const list = createCache<number[], string>(database, { name: 'list', store, memory: { max: 100 } });
  const read = async (): Promise<number[]> => idsOf((await database.query<Product>(select)).rows);
  const rows = async (): Promise<readonly number[]> => {
    const found = await Promise.all([0, 1, 2, 3].map((id) => product.get({ id })));
    const kept = await list.getOrSet('all', read);
    return [...idsOf(found.filter((row) => row !== undefined)), ...idsOf(await product.select()), ...kept];
  };
  return {
    ids: rows,
    idsWithin: () => database.transaction(rows),
    insert: async (id) => {
      await product.insert({ id });
      if (id % 4 < 2) await list.del('all');
    },
  };
}

/** Makes so many calls of two tenants, 20 at a time. @returns what was foreign, or missing */
async function interleave({ byName }: Shops, calls: number, firstId: number): Promise<string[]> {
  const wrong: string[] = [];
  const names = Object.keys(byName);
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < calls) {
      const index = next;
      next += 1;
      const tenant = Math.random() < 0.5 ? 0 : 1;
      const name = names[index % names.length] ?? '';
      const shop = byName[name];
      if (shop === undefined) throw new Error('no such library');
      await withContext({ tenant: String(tenant) }, async () => {
        if (index % 10 === 0) {
          await shop.insert(firstId + index * 2 + tenant);
          return;
        }
        const ids = await (Math.random() < 0.5 ? shop.ids() : shop.idsWithin());
        const foreign = ids.filter((id) => id % 2 !== tenant);
        if (foreign.length > 0 || ids.length < 10) wrong.push(`${name} as ${tenant}: ${ids.join()}`);
      });
    }
  };
  await Promise.all(Array.from({ length: 20 }, caller));
  return wrong;
}

async function inShops<Result>(
  url: string,
  max: number,
  work: (shops: Shops, database: Database<'default'>) => Promise<Result>,
): Promise<Result> {
  const database = open(url, max);
  try {
    // Some ask the server for its version when they begin.
    const shops = await withContext({ tenant: '0' }, () => openShops(database));
    try {
      return await work(shops, database);
    } finally {
      await withContext({ tenant: '0' }, () => shops.close());
    }
  } finally {
    await database.close({ timeout: 5_000 });
  }
}

const behindPooler = hasPgBouncer();

describe('two tenants', () => {
  it.each([1, 5])(
    'see their own rows alone, through 2,500 calls of all libraries and caches at max: %d',
    { timeout: 300_000 },
    async (max) => {
      await inShops(server.url, max, async (shops, database) => {
        expect(await interleave(shops, 2_500, 1_000)).toEqual([]);
        expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
      });
    },
  );

  it.skipIf(!behindPooler).each([1, 5])(
    'the same behind a pooler in transaction mode at max: %d',
    { timeout: 300_000 },
    async (max) => {
      const bouncer = await startPgBouncer(server.url, { mode: 'transaction', poolSize: 2 });
      try {
        await inShops(bouncer.url, max, async (shops) => {
          expect(await interleave(shops, 2_500, 1_000)).toEqual([]);
        });
      } finally {
        await bouncer.stop();
      }
    },
  );

  it('cannot write what is not theirs', async () => {
    await inShops(server.url, 2, async ({ byName }) => {
      for (const [name, shop] of Object.entries(byName)) {
        const error = await withContext({ tenant: '0' }, () => rejection(shop.insert(7_001)));
        expect(chainOf(error), name).toContain('row-level security');
      }
      expect((await server.products()).includes(7_001)).toBe(false);
    });
  });

  it('are none where there is no tenant: every library is refused, and no connection is taken', async () => {
    const proxy = await startWireProxy(server.url);
    try {
      await inShops(proxy.url, 2, async ({ byName }, database) => {
        proxy.takeRoundTrips();
        for (const [name, shop] of Object.entries(byName)) {
          for (const call of [() => shop.ids(), () => shop.idsWithin(), () => shop.insert(5_000)]) {
            const error = await rejection(call());
            expect(chainOf(error), name).toContain('has no value here');
          }
        }
        expect(proxy.takeRoundTrips()).toBe(0);
        expect(database.stats().clients.default).toMatchObject({ used: 0 });
      });
    } finally {
      await proxy.close();
    }
  });
});

/** What an error and its causes say. */
function chainOf(error: unknown): string {
  const said: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) said.push(at.message);
  return said.join('\n');
}
