// Where `interleave` and `proveRepeatable` say that the statements of libraries come from, on each server.
import { eq } from 'drizzle-orm';
import type { Knex } from 'knex';
import type { Kysely } from 'kysely';
import type { EntityManager } from 'typeorm';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../../src/index.ts';
import { interleave, NotRepeatableError, proveRepeatable } from '../../../src/testing/index.ts';
import { useTestDatabase } from '../../support/database.ts';
import { assertPlaces } from '../../support/places.ts';
import { rejection } from '../../support/settled.ts';
import { type Db, openings as drizzleOpenings, product, schema as drizzleSchema } from './drizzle.ts';
import { openings as knexOpenings } from './knex.ts';
import { openings as kyselyOpenings, type Tables } from './kysely.ts';
import { openings as typeOrmOpenings, Product } from './typeorm.ts';

const server = useTestDatabase(...drizzleSchema);

/** What is read in one line is written in another one: by the handle that everybody shares, and in a transaction of the library. */
interface Increments {
  readonly alone: () => Promise<unknown>;
  readonly inOwn: () => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}
type Open = (database: Database<'default'>) => Increments | Promise<Increments>;

async function byKnex(handle: Knex): Promise<void> {
  const row = await handle('product').where({ id: 1 }).first<{ stock: number }>('stock');
  await handle('product').update({ stock: row.stock + 1 });
}

async function byKysely(handle: Kysely<Tables>): Promise<void> {
  const { stock } = await handle.selectFrom('product').select('stock').executeTakeFirstOrThrow();
  await handle
    .updateTable('product')
    .set('stock', stock + 1)
    .execute();
}

type DrizzleHandle = Pick<Db, 'select' | 'update'>;
async function byDrizzle(handle: DrizzleHandle): Promise<void> {
  const [row] = await handle.select({ stock: product.stock }).from(product).where(eq(product.id, 1));
  await handle.update(product).set({ stock: (row?.stock ?? 0) + 1 });
}
async function byExecute(handle: DrizzleHandle): Promise<void> {
  const [row] = await handle.select({ stock: product.stock }).from(product).where(eq(product.id, 1)).execute();
  await handle
    .update(product)
    .set({ stock: (row?.stock ?? 0) + 1 })
    .execute();
}

async function byTypeOrm(manager: EntityManager): Promise<void> {
  const { stock = 0 } = await manager.findOneByOrFail(Product, { id: 1 });
  await manager.update(Product, { id: 1 }, { stock: stock + 1 });
}

const drizzleBy =
  (increment: (handle: DrizzleHandle) => Promise<void>): Open =>
  async (database) => {
    const db = await drizzleOpenings.bound(database);
    return {
      alone: () => increment(db),
      inOwn: () => db.transaction((transaction) => increment(transaction)),
      close: () => drizzleOpenings.close(db),
    };
  };

const libraries: Readonly<Record<string, Open>> = {
  async Knex(database) {
    const knex = await knexOpenings.bound(database);
    return {
      alone: () => byKnex(knex),
      inOwn: () => knex.transaction((trx) => byKnex(trx)),
      close: () => knexOpenings.close(knex),
    };
  },
  async Kysely(database) {
    const kysely = await kyselyOpenings.bound(database);
    return {
      alone: () => byKysely(kysely),
      inOwn: () => kysely.transaction().execute((trx) => byKysely(trx)),
      close: () => kyselyOpenings.close(kysely),
    };
  },
  'Drizzle, awaited': drizzleBy(byDrizzle),
  'Drizzle, executed': drizzleBy(byExecute),
  async TypeORM(database) {
    const dataSource = await typeOrmOpenings.bound(database);
    return {
      alone: () => byTypeOrm(dataSource.manager),
      inOwn: () => dataSource.transaction((manager) => byTypeOrm(manager)),
      close: () => typeOrmOpenings.close(dataSource),
    };
  },
};

type Actor = (increments: Increments, database: Database) => Promise<unknown>;
const ways: Readonly<Record<string, Actor>> = {
  'in autocommit': ({ alone }) => alone(),
  'in an ambient transaction': ({ alone }, database) => database.transaction(alone),
  'in its own transaction': ({ inOwn }) => inOwn(),
};

describe.each(Object.entries(libraries))('the statements of %s', (_, open) => {
  it.each(Object.entries(ways))('have their places %s', async (__, increment) => {
    const database = server.open({ max: 4 });
    const increments = await open(database);
    const actor = (): Promise<unknown> => increment(increments, database);
    const report = await interleave(database, {
      async setup() {
        await database.query('delete from product');
        await database.query('insert into product (id, stock) values (1, 0)');
      },
      actors: { alice: actor, bob: actor },
      maxRemedyRuntime: 0,
    });
    await increments.close();
    assertPlaces(report, /[\\/]libraries-places\.test\.ts$/);
  });
});

it.each(Object.entries(libraries))('the statements of %s have their places where attempts differ', async (_, open) => {
  const database = server.open({ max: 4 });
  const increments = await open(database);
  let attempts = 0;
  const proof = proveRepeatable(database, {
    async setup() {
      await database.query('delete from product');
      await database.query('insert into product (id, stock) values (1, 0)');
    },
    body: () =>
      database.transaction(
        async () => {
          attempts += 1;
          // Each attempt sends more than the one before.
          for (let at = 0; at < attempts; at += 1) await increments.alone();
        },
        { retry: { attempts: 3, delay: 1 } },
      ),
  });
  const error: unknown = await rejection(proof);
  await increments.close();
  if (!(error instanceof NotRepeatableError)) throw error;
  const sent = error.findings.find(({ problem }) => problem === 'sentOtherwise');
  expect(sent?.place, String(error)).toMatch(/[\\/]libraries-places\.test\.ts:/);
});
