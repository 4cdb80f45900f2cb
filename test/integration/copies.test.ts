// A second copy of the package in the same process: of the same version it works together with the first, and of another
// version it is refused by name, at every entrance that takes an object.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MikroORM } from '@mikro-orm/postgresql';
import { EntitySchema as MikroSchema } from '@mikro-orm/core';
import { PrismaPg } from '@prisma/adapter-pg';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { EntitySchema } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import type { FleetBus } from '../../src/inspector/entry/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { copyPackage, type Entries, own } from '../support/package-copy.ts';
import { generatePrismaClient } from '../support/prisma-client.ts';
import { rejection, until } from '../support/settled.ts';

const prismaFolder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), '.prisma-'));
const PrismaClient = await generatePrismaClient(prismaFolder);
const [same, later] = [await copyPackage(), await copyPackage('99.1.0')];
afterAll(() => {
  rmSync(prismaFolder, { recursive: true });
  same.remove();
  later.remove();
});

const server = useTestDatabase();
beforeAll(async () => {
  await own.outbox.createOutboxTables(server.open().current);
  await own.events.createEventTables(server.open().current);
  await own.idempotency.createIdempotencyTables(server.open().current);
  await own.saga.createSagaTables(server.open().current);
});

const twoClients: readonly string[] = ['default', 'other'];
type Product = { id: number; stock: number };
const drizzleProduct = pgTable('product', { id: integer().primaryKey() });
const TypeormProduct = new EntitySchema<{ id: number }>({
  name: 'product',
  columns: { id: { type: 'int', primary: true } },
});
const MikroProduct = new MikroSchema<{ id: number }>({
  name: 'Product',
  tableName: 'product',
  properties: { id: { type: 'integer', primary: true } },
});

/** What a row of the table has: the database of one copy, and the entries of the other. */
interface Meeting {
  readonly database: Database<'default'>;
  /** The copy that made the database. */
  readonly maker: Entries;
  /** The copy that is given it. */
  readonly taker: Entries;
  /** Is called after the test. */
  readonly closes: (() => unknown)[];
}

type Use = (meeting: Meeting) => unknown;

async function snapshotOf(url: string): Promise<string> {
  const { origin, hash } = new URL(url);
  const headers = { authorization: `Bearer ${hash.replace('#token=', '')}` };
  return await (await fetch(`${origin}/api/snapshot`, { headers })).text();
}

/** That what a function of the taker writes in a transaction of the maker is a part of it. */
async function joins(database: Database, write: (id: number) => unknown): Promise<void> {
  const failed = await rejection(
    database.transaction(async () => {
      await write(1);
      throw new Error('roll back');
    }),
  );
  expect(failed).toMatchObject({ message: 'roll back' });
  expect(await server.products()).toEqual([]);
  await database.transaction(async () => {
    await write(2);
    expect(await server.products()).toEqual([]);
  });
  expect(await server.products()).toEqual([2]);
}

const insert = 'insert into product (id) values ($1)';

function model({ model: { createModel, defineModel } }: Entries, database: Database) {
  return createModel(database, defineModel<Product>({ table: 'product', key: 'id' }));
}

/** Every function that is given a database or a handle, by its name, and what is to come of it. */
const entrances: Readonly<Record<string, Use>> = {
  createContextCarrier: async ({ database, maker, taker }) => {
    const options = { secret: 'x'.repeat(32) };
    const { injectContext } = taker.sluice.createContextCarrier(database, options);
    const { runWithContext } = maker.sluice.createContextCarrier(database, options);
    const headers = await database.transaction(() => injectContext(new Headers()));
    expect(await runWithContext(headers, () => taker.sluice.currentContext().level)).toBe(1);
  },
  createHttpContext: async ({ database, taker }) => {
    const contexts = taker.http.createHttpContext(database);
    const received = { headers: {}, signal: new AbortController().signal };
    const sell = (id: number, last: () => void): Promise<void> =>
      contexts.run({}, received, (context) =>
        context.transaction(async () => {
          await database.query(insert, [id]);
          last();
        }),
      );
    const fail = (): never => {
      throw new Error('roll back');
    };
    expect(await rejection(sell(1, fail))).toMatchObject({ message: 'roll back' });
    await sell(2, () => {});
    expect(await server.products()).toEqual([2]);
  },
  shutdown: async ({ database, taker }) => {
    await taker.http.shutdown(database);
    expect(await rejection(database.query('select 1'))).toMatchObject({ code: 'DATABASE_CLOSED' });
  },
  sluice: async ({ database, taker, closes }) => {
    const sell = (id: number): Promise<unknown> => database.query(insert, [id]);
    const hono = new Hono().use(taker.hono.sluice(database)).post('/', taker.hono.transaction(), async (c) => {
      await sell(1);
      return c.text('sold');
    });
    expect((await hono.request('/', { method: 'POST' })).status).toBe(200);
    const inFastify = fastify();
    await inFastify.register(taker.fastify.sluice(database));
    inFastify.post('/', { config: { transaction: true } }, async () => {
      await sell(2);
      return 'sold';
    });
    expect((await inFastify.inject({ method: 'POST', url: '/' })).statusCode).toBe(200);
    const { sluice, transactional } = taker.express;
    const inExpress = express().use(sluice(database));
    inExpress.post(
      '/',
      transactional(async (_request, response) => {
        await sell(3);
        response.end('sold');
      }),
    );
    const listening = inExpress.listen(0);
    closes.push(() => listening.close());
    await until('it listens', () => listening.listening);
    const { port } = listening.address() as { port: number };
    expect((await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' })).status).toBe(200);
    expect(await server.products()).toEqual([1, 2, 3]);
  },
  createCache: async ({ database, maker, taker }) => {
    const store = new maker.cache.MemoryStore();
    const stock = maker.cache.createCache<number>(database, { name: 'stock', store });
    const price = taker.cache.createCache<number>(database, { name: 'price', store });
    await database.transaction(async () => {
      await stock.set(10, 1);
      await price.set(20, 1);
      expect([await stock.get(1), await price.get(1)]).toEqual([10, 20]);
    });
    await until('both are stored', async () => (await stock.get(1)) === 10 && (await price.get(1)) === 20);
  },
  createChangesRelay: ({ database, taker, maker }) => {
    const store = Object.assign(new maker.cache.MemoryStore(), { isShared: true, name: 'shelf' });
    expect(taker.cache.createChangesRelay(database, { store })).toBeInstanceOf(taker.outbox.Relay);
  },
  createModel: async ({ database, taker }) => {
    await joins(database, (id) => model(taker, database).insert({ id, stock: 1 }));
  },
  createApp: async ({ database, maker, taker }) => {
    const product = maker.model.defineModel<Product>({ table: 'product', key: 'id' });
    const app = taker.app.createApp(database, { models: { product } });
    await joins(database, (id) => app.scope.model.product.insert({ id, stock: 1 }));
  },
  createJobs: async ({ database, maker, taker, closes }) => {
    const sale = maker.queue.defineQueue<{ id: number }, number>('sale');
    const jobs = taker.queue.createJobs(database, { queues: { sale }, engine: maker.queue.memory() });
    closes.push(() => jobs.close());
    const ran: number[] = [];
    jobs.worker().handle(sale, ({ id }, { level }) => (ran.push(id), level));
    await rejection(
      database.transaction(async () => {
        await jobs.queues.sale.push({ id: 1 });
        throw new Error('roll back');
      }),
    );
    expect(await database.transaction(() => jobs.queues.sale.pushAsync({ id: 2 }))).toBe(1);
    expect(ran).toEqual([2]);
  },
  createRelay: async ({ database, taker, maker, closes }) => {
    const delivered: unknown[] = [];
    const relay = taker.outbox.createRelay(database, {
      channel: 'copies',
      deliver(messages) {
        delivered.push(...messages.map(({ payload }) => payload));
        return Promise.resolve();
      },
    });
    closes.push(() => relay.stop());
    await database.transaction(() =>
      maker.outbox.addToOutbox(database.current, [{ channel: 'copies', queue: 'q', payload: 1 }]),
    );
    relay.start();
    await until('it is delivered', () => delivered.length === 1);
  },
  createOutbox: async ({ database, taker, maker, closes }) => {
    const open = memoryBroker();
    const topic = maker.outbox.defineTopic<number>('copies');
    const outbox = taker.outbox.createOutbox(database, { broker: open(), channel: 'copies of brokers' });
    closes.push(() => outbox.stop());
    const handled: number[] = [];
    outbox.consume(topic, (value) => handled.push(value), { group: 'copies' });
    await database.transaction(() => outbox.publish(topic, 7));
    await outbox.drain();
    await until('it is handled', () => handled.length === 1);
    expect(handled).toEqual([7]);
  },
  startInspector: async ({ database, taker, closes }) => {
    const inspector = await taker.inspector.startInspector(database);
    closes.push(() => inspector.close());
    await database.transaction(
      async () => {
        await database.query('select 1');
        expect(await snapshotOf(inspector.url)).toContain('"across"');
      },
      { name: 'across' },
    );
  },
  joinFleet: async ({ database, taker, maker, closes }) => {
    const ears = new Set<(text: string) => void>();
    const bus = (): FleetBus => ({
      longestMessage: 10_000,
      open: (onMessage) => void ears.add(onMessage),
      publish: (text) => Promise.resolve().then(() => ears.forEach((hear) => hear(text))),
      close: () => Promise.resolve(),
    });
    const inspector = await maker.inspector.startInspector(database, { fleet: bus(), interval: 100 });
    const member = taker.inspector.joinFleet(database, { name: 'worker', fleet: bus() });
    closes.push(() => Promise.all([inspector.close(), member.close()]));
    await until('it is shown', async () => (await snapshotOf(inspector.url)).includes('"worker"'));
  },
  createOutboxTables: ({ database, taker }) => taker.outbox.createOutboxTables(database.current),
  createEventTables: ({ database, taker }) => taker.events.createEventTables(database.current),
  createEvents: async ({ database, taker, maker }) => {
    const sold = maker.events.defineEvent<number>('copies.sold');
    const [one, other] = [taker.events.createEvents(database), maker.events.createEvents(database)];
    const said: number[] = [];
    one.on(sold, { phase: 'durable', id: 'copies' }, (product) => void said.push(product));
    other.on(sold, { phase: 'durable', id: 'copies' }, (product) => void said.push(-product));
    await database.transaction(() => one.publish(sold, 1));
    expect(await other.drain()).toBe(1);
    expect(said).toEqual([-1]);
  },
  listPublications: async ({ database, taker }) => {
    const page = await taker.events.listPublications(database.current, { listener: 'none' });
    expect(page).toEqual({ publications: [], cursor: undefined });
  },
  publicationCounts: async ({ database, taker }) => {
    expect(await taker.events.publicationCounts(database.current)).toBeInstanceOf(Array);
  },
  resubmitPublications: async ({ database, taker }) => {
    expect(await taker.events.resubmitPublications(database.current, { numbers: ['1'] })).toBe(0);
  },
  createIdempotencyTables: ({ database, taker }) => taker.idempotency.createIdempotencyTables(database.current),
  idempotent: async ({ database, taker, maker }) => {
    const call = (entries: Entries): Promise<unknown> =>
      entries.idempotency.idempotent(database, { key: 'copies', scope: 'copies' }, () => 1);
    await call(taker);
    expect(await call(maker)).toEqual({ value: 1, isReplayed: true });
    await server.sql('delete from sluice_idempotency');
  },
  forgetExpiredKeys: async ({ database, taker }) => {
    expect(await taker.idempotency.forgetExpiredKeys(database.current)).toBe(0);
  },
  createSagaTables: ({ database, taker }) => taker.saga.createSagaTables(database.current),
  createSagas: async ({ database, maker, taker, closes }) => {
    const copies = maker.saga.defineSaga('copies', (saga) =>
      saga.step('one', async () => {
        await database.query(insert, [1]);
        return database.current.inTransaction;
      }),
    );
    const sagas = taker.saga.createSagas(database, { sagas: { copies } });
    closes.push(() => sagas.stop());
    expect(await sagas.copies.run(undefined)).toBe(true);
    expect(await server.products()).toEqual([1]);
  },
  listSagas: async ({ database, taker }) => {
    expect(await taker.saga.listSagas(database.current, { saga: 'none' })).toEqual({ sagas: [], cursor: undefined });
  },
  findSaga: async ({ database, taker }) => {
    expect(await taker.saga.findSaga(database.current, 'none', '1')).toBeUndefined();
  },
  sagaCounts: async ({ database, taker }) => {
    expect(await taker.saga.sagaCounts(database.current)).toBeInstanceOf(Array);
  },
  forgetEndedSagas: async ({ database, taker }) => {
    expect(await taker.saga.forgetEndedSagas(database, { olderThan: '1000 days' })).toBe(0);
  },
  resumeSaga: async ({ database, taker }) => {
    const error = await rejection(taker.saga.resumeSaga(database.current, 'none', '1'));
    expect(error).toMatchObject({ code: 'SAGA_NOT_FOUND' });
  },
  cancelSaga: async ({ database, taker }) => {
    const error = await rejection(taker.saga.cancelSaga(database.current, 'none', '1'));
    expect(error).toMatchObject({ code: 'SAGA_NOT_FOUND' });
  },
  createCommitTable: async ({ database, taker }) => {
    // It knows the handle, and the engine behind it.
    const error = await rejection(taker.mysql.createCommitTable(database.current));
    expect(String(error)).toContain('which is on postgres');
    await taker.postgres.createCommitTable(database.current);
    await server.sql('drop table sluice_commit');
  },
  addToOutbox: async ({ database, taker }) => {
    await database.transaction(() =>
      taker.outbox.addToOutbox(database.current, [{ channel: 'added', queue: 'q', payload: 1 }]),
    );
    expect(await server.sql("delete from sluice_outbox where channel = 'added' returning 1")).toHaveLength(1);
  },
  parkedMessages: async ({ database, taker }) => {
    expect(await taker.outbox.parkedMessages(database.current, 'none')).toEqual([]);
  },
  outboxCounts: async ({ database, taker }) => {
    expect(await taker.outbox.outboxCounts(database.current)).toBeInstanceOf(Array);
  },
  listOutbox: async ({ database, taker }) => {
    const page = await taker.outbox.listOutbox(database.current, 'none', { state: 'parked' });
    expect(page).toEqual({ messages: [], cursor: undefined });
  },
  findInOutbox: async ({ database, taker }) => {
    expect(await taker.outbox.findInOutbox(database.current, 'none', '1')).toBeUndefined();
  },
  discardParked: async ({ database, taker }) => {
    expect(await taker.outbox.discardParked(database.current, 'none', ['1'])).toBe(0);
  },
  receivedCounts: async ({ database, taker }) => {
    expect(await taker.outbox.receivedCounts(database.current)).toBeInstanceOf(Array);
  },
  listReceived: async ({ database, taker, maker }) => {
    // It knows the topic of another copy.
    const page = await taker.outbox.listReceived(database.current, maker.outbox.defineTopic('none'), { group: 'none' });
    expect(page).toEqual({ messages: [], cursor: undefined });
  },
  replayReceived: async ({ database, taker }) => {
    expect(await taker.outbox.replayReceived(database.current, 'none', { group: 'none' })).toBe(0);
  },
  discardReceived: async ({ database, taker }) => {
    const which = { group: 'none', numbers: ['1'] };
    expect(await taker.outbox.discardReceived(database.current, 'none', which)).toBe(0);
  },
  replayParked: async ({ database, taker }) => {
    expect(await taker.outbox.replayParked(database.current, 'none')).toBe(0);
  },
  recordInInbox: async ({ database, taker }) => {
    await taker.outbox.recordInInbox(database.current, 'copies', 'one', '1');
    expect(await server.sql("delete from sluice_inbox where consumer = 'copies' returning 1")).toHaveLength(1);
  },
  findInInbox: async ({ database, taker }) => {
    expect((await taker.outbox.findInInbox(database.current, 'copies', ['none'])).size).toBe(0);
  },
  newInstance: async ({ database, taker }) => {
    const product = model(taker, database).newInstance(database.getDb({ level: 3 }));
    expect(await product.insert({ id: 1, stock: 0 })).toMatchObject({ id: 1 });
  },
  'db of a call of a cache': async ({ database, taker }) => {
    const cache = taker.cache.createCache<number>(database, { name: 'stock' });
    await cache.set(10, 1, { db: database.current });
    expect(await cache.get(1, { db: database.current })).toBe(10);
  },
  ambientPool: async ({ database, taker }) => {
    const pool = taker.postgres.ambientPool(database);
    await joins(database, (id) => pool.query(insert, [id]));
  },
  'ambientPool of MySQL': ({ maker, taker, closes }) => {
    const onMysql = maker.sluice.createDatabase({ clients: { default: maker.mysql.mysql() } });
    closes.push(() => onMysql.close());
    expect(taker.mysql.ambientPool(onMysql)).toHaveProperty('getConnection');
  },
  bindKysely: async ({ database, maker, taker }) => {
    const dialect = new PostgresDialect({ pool: maker.postgres.ambientPool(database) });
    const kysely = taker.kysely.bindKysely(new Kysely<{ product: { id: number } }>({ dialect }), database);
    // Bound already.
    expect(maker.kysely.bindKysely(kysely, database)).toBe(kysely);
    await joins(database, (id) =>
      kysely.transaction().execute((trx) => trx.insertInto('product').values({ id }).execute()),
    );
  },
  ambientDialect: async ({ maker, taker, closes }) => {
    const inMemory = maker.sluice.createDatabase({ clients: { default: maker.sqlite.sqlite() } });
    closes.push(() => inMemory.close());
    const over = new Kysely<{ product: { id: number } }>({ dialect: taker.kysely.ambientDialect(inMemory) });
    const kysely = maker.kysely.bindKysely(over, inMemory);
    await inMemory.query('create table product (id int)');
    const write = (): Promise<unknown> =>
      kysely.transaction().execute((trx) => trx.insertInto('product').values({ id: 1 }).execute());
    await rejection(
      inMemory.transaction(async () => {
        await write();
        throw new Error('roll back');
      }),
    );
    await inMemory.transaction(write);
    expect(await kysely.selectFrom('product').select('id').execute()).toEqual([{ id: 1 }]);
  },
  bindDrizzle: async ({ database, maker, taker }) => {
    const db = taker.drizzle.bindDrizzle(drizzle(maker.postgres.ambientPool(database)), database);
    expect(maker.drizzle.bindDrizzle(db, database)).toBe(db);
    await joins(database, (id) => db.transaction(async (tx) => await tx.insert(drizzleProduct).values({ id })));
  },
  bindEntries: async ({ database, maker, taker }) => {
    const pool = maker.postgres.ambientPool(database);
    const store = {
      async append(id: number) {
        const client = await pool.connect();
        await client.query('begin');
        await client.query(insert, [id]);
        await client.query('commit');
        client.release();
      },
    };
    const bound: unknown = Reflect.get(taker.library.bindEntries(database, store, ['append']), 'append');
    expect(Reflect.get(maker.library.bindEntries(database, store, ['append']), 'append')).toBe(bound);
    await joins(database, (id) => store.append(id));
  },
  createKnex: async ({ database, taker, closes }) => {
    const knex = taker.knex.createKnex(database);
    closes.push(() => knex.destroy());
    await joins(database, async (id) => await knex.transaction((trx) => trx('product').insert({ id })));
  },
  bindKnex: async ({ database, maker, taker, closes }) => {
    const knex = taker.knex.bindKnex(maker.knex.createKnex(database), database);
    closes.push(() => knex.destroy());
    await joins(database, async (id) => await knex.transaction((trx) => trx('product').insert({ id })));
  },
  createDataSource: async ({ database, taker, closes }) => {
    const source = await taker.typeorm.createDataSource(database, { entities: [TypeormProduct] }).initialize();
    closes.push(() => source.destroy());
    await joins(database, (id) => source.transaction((manager) => manager.insert(TypeormProduct, { id })));
  },
  bindPrisma: async ({ database, maker, taker, closes }) => {
    const client = new PrismaClient({ adapter: new PrismaPg(maker.postgres.ambientPool(database)) });
    const prisma = taker.prisma.bindPrisma(client, database);
    closes.push(() => prisma.$disconnect());
    expect(maker.prisma.bindPrisma(client, database)).toBe(prisma);
    await joins(database, (id) => prisma.product.create({ data: { id } }));
  },
  bindMikroOrm: async ({ database, maker, taker, closes }) => {
    const pool = taker.postgres.ambientPool(database, undefined, { types: maker.mikroOrm.mikroOrmTypes(pg.types) });
    const init = await MikroORM.init({
      dbName: 'the one of the pool',
      ensureDatabase: false,
      entities: [MikroProduct],
      driverOptions: new PostgresDialect({ pool }),
    });
    const orm = maker.mikroOrm.bindMikroOrm(taker.mikroOrm.bindMikroOrm(init, database), database);
    closes.push(() => orm.close());
    await joins(database, (id) => orm.em.fork().transactional((em) => em.insert(MikroProduct, { id })));
  },
  rolledBack: async ({ database, maker, taker }) => {
    await taker.testing.rolledBack(database, async () => {
      const captured = await maker.testing.captureCommitHooks(async () => {
        await database.transaction(async () => {
          await database.query(insert, [1]);
          maker.sluice.afterCommit(() => {});
        });
      });
      expect(captured.count).toBe(1);
    });
    expect(await server.products()).toEqual([]);
  },
  interleave: async ({ database, taker }) => {
    const sell = (id: number) => (): Promise<unknown> => database.transaction(() => database.query(insert, [id]));
    const report = await taker.testing.interleave(database, {
      setup: () => database.query('delete from product'),
      actors: { one: sell(1), other: sell(2) },
      invariant: async () => expect(await server.products()).toEqual([1, 2]),
    });
    expect(report.anomalies).toEqual([]);
  },
  proveRepeatable: async ({ database, taker }) => {
    const proof = await taker.testing.proveRepeatable(database, {
      setup: () => database.query('delete from product'),
      body: () => database.transaction(() => database.query(insert, [1]), { name: 'sale', retry: { attempts: 2 } }),
    });
    expect(proof.repeated).toEqual(['sale']);
  },
  createTwoPhaseTables: async ({ database, taker }) => {
    await taker.twoPhase.createTwoPhaseTables(database.current);
    await server.sql('drop table sluice_two_phase, sluice_two_phase_home');
  },
  // They know the database, and that it has no second client.
  twoPhase: async ({ database, taker }) => {
    const error = await rejection(taker.twoPhase.twoPhase<void>(database, ['default', 'other'], () => {}));
    expect(error).toMatchObject({ code: 'UNKNOWN_CLIENT' });
  },
  recoverTwoPhase: async ({ database, taker }) => {
    const error = await rejection(taker.twoPhase.recoverTwoPhase(database, twoClients));
    expect(error).toMatchObject({ code: 'UNKNOWN_CLIENT' });
  },
  testDatabases: async ({ database, taker }) => {
    const named = async (): Promise<unknown[]> => {
      const { rows } = await database.query(
        "select datname as name from pg_database where datname like 'copies\\_test\\_%'",
      );
      return rows.map(({ name }) => name);
    };
    const own = await taker.testing.testDatabases(database, { name: 'copies', madeFrom: ['none'], template() {} });
    expect(await named()).toContain(own.name);
    await own.close();
    for (const template of await named()) await database.query(`drop database ${String(template)}`);
  },
  rollbackEach: async ({ database, taker }) => {
    const test = taker.testing.rollbackEach(database, async (body: () => unknown) => await body());
    await test(() => database.query(insert, [1]));
    expect(await server.products()).toEqual([]);
  },
  poolOfOne: async ({ database, taker }) => {
    const both = taker.testing.poolOfOne(database, () =>
      Promise.all([database.query('select 1'), database.query('select 1')]),
    );
    expect(await rejection(both)).toMatchObject({ code: 'ESCAPED_STATEMENT' });
  },
};

/** What does not take the database itself, but is ambient or is made by the other copy. */
const meetings: Readonly<Record<string, Use>> = {
  'hooks of both run in the order of their registration': async ({ database, maker, taker }) => {
    const order: number[] = [];
    await database.transaction(async () => {
      maker.sluice.afterCommit(() => order.push(1));
      taker.sluice.afterCommit(() => order.push(2));
      await database.transaction(
        () => {
          taker.sluice.afterCommit(() => order.push(3));
          maker.sluice.afterCommit(() => order.push(4));
        },
        { propagation: 'NESTED' },
      );
      maker.sluice.afterCommit(() => order.push(5));
    });
    expect(order).toEqual([1, 2, 3, 4, 5]);
  },
  'a nested scope of one is inside of a scope of the other': async ({ database, taker, maker }) => {
    const order: string[] = [];
    const pool = taker.postgres.ambientPool(database);
    const kysely = taker.kysely.bindKysely(
      new Kysely<{ product: { id: number } }>({ dialect: new PostgresDialect({ pool }) }),
      database,
    );
    await database.transaction(async () => {
      maker.sluice.afterCommit(() => order.push('outer'));
      await kysely.transaction().execute(async (trx) => {
        await trx.insertInto('product').values({ id: 1 }).execute();
        maker.sluice.afterCommit(() => order.push('inner'));
      });
      await rejection(
        kysely.transaction().execute(async (trx) => {
          await trx.insertInto('product').values({ id: 2 }).execute();
          throw new Error('roll back');
        }),
      );
    });
    expect([await server.products(), order]).toEqual([[1], ['outer', 'inner']]);
  },
  'the decorator and the default database': async ({ database, taker }) => {
    const active: boolean[] = [];
    const Report = class {
      run(): Promise<void> {
        active.push(database.current.inTransaction, taker.sluice.isTransactionActive());
        return Promise.resolve();
      }
    };
    const descriptor = Object.getOwnPropertyDescriptor(Report.prototype, 'run');
    const decorated = taker.sluice.Database.transaction() as unknown as (...args: readonly unknown[]) => {
      value: (this: unknown) => Promise<void>;
    };
    await decorated(Report.prototype, 'run', descriptor).value.call(new Report());
    expect(active).toEqual([true, true]);
  },
  'setRollbackOnly of the other': async ({ database, taker }) => {
    const failed = await rejection(database.transaction(() => taker.sluice.setRollbackOnly()));
    expect(failed).toBeInstanceOf(taker.sluice.UnexpectedRollbackError);
  },
  'a client of the other copy': async ({ taker, maker, closes }) => {
    const database = taker.sluice.createDatabase({
      clients: { default: maker.postgres.postgres({ connectionString: server.url }) },
    });
    closes.push(() => database.close());
    const pool = taker.postgres.ambientPool(database);
    await joins(database, (id) => pool.query(insert, [id]));
  },
  'operators, alternatives and everyRow of the other': async ({ database, maker, taker }) => {
    const product = model(taker, database);
    await product.insertBulk([
      { id: 1, stock: 1 },
      { id: 2, stock: 5 },
    ]);
    const { gt, either } = maker.model;
    expect(await product.count({ stock: gt(3) })).toBe(1);
    expect(await product.count(either({ stock: gt(3) }, { id: 1 }))).toBe(2);
    expect(await product.delete(maker.model.everyRow)).toBe(2);
  },
  'statements made by the other': async ({ database, taker }) => {
    const { sql } = taker.sluice;
    expect((await database.query(sql`select ${7}::int as n`)).rows).toEqual([{ n: 7 }]);
  },
  'what both push in one transaction is two jobs': async ({ database, maker, taker, closes }) => {
    const sale = maker.queue.defineQueue<{ id: number }>('sale');
    const engine = maker.queue.memory();
    const [first, second] = [maker, taker].map(({ queue }) => queue.createJobs(database, { queues: { sale }, engine }));
    closes.push(
      () => first?.close(),
      () => second?.close(),
    );
    const ids = await database.transaction(async () => [
      (await first?.queues.sale.push({ id: 1 }))?.id,
      (await second?.queues.sale.push({ id: 1 }))?.id,
    ]);
    expect(new Set(ids).size).toBe(2);
  },
  'a circle of loads through the caches of both': async ({ database, maker, taker }) => {
    const store = new maker.cache.MemoryStore();
    const first = maker.cache.createCache<number>(database, { name: 'a', store, loadTimeout: 5_000 });
    const second = taker.cache.createCache<number>(database, { name: 'b', store, loadTimeout: 5_000 });
    const load = (): Promise<number> => first.getOrSet(1, () => second.getOrSet(1, load));
    expect((await rejection(load())).message).toContain('"a" → "b" → "a"');
  },
  'databases of SQLite in memory are two': async ({ maker, taker, closes }) => {
    const [first, second] = [maker, taker].map(({ sluice, sqlite }) =>
      sluice.createDatabase({ clients: { default: sqlite.sqlite() } }),
    );
    closes.push(
      () => first?.close(),
      () => second?.close(),
    );
    for (const database of [first, second]) await database?.query('create table product (id integer)');
    await first?.query('insert into product values (1)');
    expect((await second?.query('select id from product'))?.rows).toEqual([]);
  },
  'instanceof, for objects and errors': async ({ database, maker, taker }) => {
    const refused = await rejection(database.transaction(() => {}, { propagation: 'MANDATORY' }));
    expect([
      refused instanceof taker.sluice.TransactionRequiredError,
      refused instanceof taker.sluice.SluiceError,
      refused instanceof taker.sluice.TransactionEndedError,
      taker.sluice.SluiceError.find(new Error('of a library', { cause: refused })) === (refused as unknown),
      database instanceof taker.sluice.Database,
      database.current instanceof taker.sluice.Db,
      {} instanceof taker.sluice.Db,
      new maker.queue.UnrecoverableError('x') instanceof taker.queue.UnrecoverableError,
      new maker.queue.RemoteError({ name: 'E', message: 'm' }, 'q', 'id') instanceof taker.queue.RemoteError,
      new maker.cache.MemoryStore() instanceof taker.cache.MemoryStore,
    ]).toEqual([true, true, false, true, true, true, false, true, true, true]);
  },
};

/** Of classes that a program does not make or call itself, and the constructors behind the functions. */
const internal: ReadonlySet<string> = new Set([
  'constructor',
  'add',
  'changing',
  'checkHandle',
  'checkStoreOf',
  'claim',
  'close',
  'columnsOn',
  'inserted',
  'invalidate',
  'query',
  'row',
  'rows',
]);

const closes: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closes.splice(0).toReversed()) await close();
});

function open({ sluice, postgres }: Entries): Database<'default'> {
  const database = sluice.createDatabase({
    clients: { default: postgres.postgres({ connectionString: server.url, max: 3 }) },
  });
  closes.push(() => database.close({ timeout: 1_000 }));
  return database;
}

it('the table has every function that is given a database or a handle', () => {
  const folder = fileURLToPath(new URL('../../api', import.meta.url));
  const reports = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  const found = reports.flatMap((report) => [
    ...report.matchAll(/^(?:function|    )\s*(\w+)(?:<.*>)?\((?:[^()]*, )?(?:on|db|database): (?:Db|Database)\b/gm),
  ]);
  const names = new Set(found.map(([, name = '']) => name).filter((name) => !internal.has(name)));
  expect(names.size).toBeGreaterThan(20);
  expect([...names].filter((name) => !(name in entrances))).toEqual([]);
});

describe.each([
  ['made by this copy and given to the other', own, same.entries],
  ['made by the other copy and given to this one', same.entries, own],
])('of the same version, %s', (_, maker, taker) => {
  let database: Database<'default'>;
  beforeEach(() => {
    database = open(maker);
  });

  it.each(Object.entries({ ...entrances, ...meetings }))('%s', async (_name, use) => {
    await use({ database, maker, taker, closes });
  });
});

describe('of another version', () => {
  let database: Database<'default'>;
  beforeEach(() => {
    database = open(own);
  });

  const named = {
    code: 'MIXED_VERSIONS',
    remedy: expect.stringContaining('npm ls sluice') as string,
    other: { version: '99.1.0', folder: expect.stringContaining('sluice-copy-') as string },
  };
  async function expectRefusal(call: () => unknown): Promise<void> {
    const error = await rejection((async () => await call())());
    expect(error).toMatchObject(named);
    expect((error as Error).message).toContain('99.1.0');
    expect((error as Error).message).toContain(later.folder);
    expect((error as Error).message).toContain('0.1.0');
  }

  const foreign = (): Database<'default'> => open(later.entries);
  const { app, cache, http, kysely, model: models, outbox, postgres, queue, sluice, testing, typeorm } = own;
  const definition = models.defineModel<Product>({ table: 'product', key: 'id' });
  const kyselyOver = (of: Database<'default'>, { postgres: driver }: Entries): Kysely<{ product: { id: number } }> =>
    new Kysely({ dialect: new PostgresDialect({ pool: driver.ambientPool(of) }) });

  it.each<[string, () => unknown]>([
    ['createContextCarrier', () => sluice.createContextCarrier(foreign())],
    ['createHttpContext', () => http.createHttpContext(foreign())],
    ['shutdown', () => http.shutdown(foreign())],
    ['sluice of Express', () => own.express.sluice(foreign())],
    ['sluice of Fastify', () => own.fastify.sluice(foreign())],
    ['sluice of Hono', () => own.hono.sluice(foreign())],
    ['startInspector', () => own.inspector.startInspector(foreign())],
    ['createCache', () => cache.createCache(foreign(), { name: 'stock' })],
    ['createModel', () => models.createModel(foreign(), definition)],
    ['createApp', () => app.createApp(foreign())],
    ['createJobs', () => queue.createJobs(foreign(), { queues: { sale: queue.defineQueue('sale') } })],
    ['createRelay', () => outbox.createRelay(foreign(), { channel: 'c', deliver: () => Promise.resolve() })],
    ['createOutboxTables', () => outbox.createOutboxTables(foreign().current)],
    ['createEvents', () => own.events.createEvents(foreign())],
    ['createEventTables', () => own.events.createEventTables(foreign().current)],
    ['createIdempotencyTables', () => own.idempotency.createIdempotencyTables(foreign().current)],
    ['idempotent', () => own.idempotency.idempotent(foreign(), { key: 'k', scope: 's' }, () => 1)],
    ['forgetExpiredKeys', () => own.idempotency.forgetExpiredKeys(foreign().current)],
    ['forgetEndedSagas', () => own.saga.forgetEndedSagas(foreign(), { olderThan: 0 })],
    ['createCommitTable', () => own.mysql.createCommitTable(foreign().current)],
    ['createCommitTable of PostgreSQL', () => postgres.createCommitTable(foreign().current)],
    ['addToOutbox', () => outbox.addToOutbox(foreign().current, [{ channel: 'c', queue: 'q', payload: 1 }])],
    ['newInstance', () => models.createModel(database, definition).newInstance(foreign().current)],
    ['db of a cache', () => cache.createCache(database, { name: 'stock' }).get(1, { db: foreign().current })],
    ['ambientPool', () => postgres.ambientPool(foreign())],
    ['ambientDialect', () => kysely.ambientDialect(foreign())],
    ['createDataSource', () => typeorm.createDataSource(foreign(), { entities: [] })],
    ['rolledBack', () => testing.rolledBack(foreign(), () => {})],
    ['rollbackEach', () => testing.rollbackEach(foreign(), () => {})],
    ['interleave', () => testing.interleave(foreign(), { setup() {}, actors: { a() {}, b() {} }, invariant() {} })],
    ['proveRepeatable', () => testing.proveRepeatable(foreign(), { setup() {}, body() {} })],
    ['createTwoPhaseTables', () => own.twoPhase.createTwoPhaseTables(foreign().current)],
    ['twoPhase', () => own.twoPhase.twoPhase<void>(foreign(), ['default', 'other'], () => {})],
    ['recoverTwoPhase', () => own.twoPhase.recoverTwoPhase(foreign(), twoClients)],
    ['testDatabases', () => testing.testDatabases(foreign(), { name: 'n', madeFrom: [], template() {} })],
    ['poolOfOne', () => testing.poolOfOne(foreign(), () => {})],
    [
      'a client of the other version',
      () => sluice.createDatabase({ clients: { default: later.entries.postgres.postgres() } }),
    ],
    ['a store', () => cache.createCache(database, { name: 'stock', store: new later.entries.cache.MemoryStore() })],
    [
      'an engine',
      () =>
        queue.createJobs(database, {
          queues: { sale: queue.defineQueue('sale') },
          engine: later.entries.queue.memory(),
        }),
    ],
    ['an operator', () => models.createModel(database, definition).count({ stock: later.entries.model.gt(1) })],
    ['alternatives', () => models.createModel(database, definition).count(later.entries.model.either({ id: 1 }))],
    [
      'a handle that is bound to the other version',
      () => {
        const theirs = foreign();
        const bound = later.entries.kysely.bindKysely(kyselyOver(theirs, later.entries), theirs);
        return kysely.bindKysely(bound, database);
      },
    ],
    [
      'a handle over a pool of the other version',
      () => own.drizzle.bindDrizzle(drizzle(later.entries.postgres.ambientPool(foreign())), database),
    ],
  ])('%s', async (_, call) => {
    await expectRefusal(call);
  });

  it.each<[string, () => unknown]>([
    ['a transaction', () => database.transaction(() => {})],
    ['a statement', () => database.query('select 1')],
    ['a query of an ambient pool', () => postgres.ambientPool(database).query('select 1')],
    ['a connection of an ambient pool', () => postgres.ambientPool(database).connect()],
    ['a hook', () => sluice.afterCommit(() => {})],
    ['a hook of a handle', () => database.current.commit(() => {})],
    ['setRollbackOnly', () => sluice.setRollbackOnly()],
    ['isTransactionActive', () => sluice.isTransactionActive()],
    ['currentContext', () => sluice.currentContext()],
    ['switchDb', () => database.switchDb(() => {}, { level: 1 })],
    ['switchDbIsolate', () => database.switchDbIsolate(() => {})],
    ['headers', () => sluice.createContextCarrier(database).injectContext(new Headers())],
    ['a cache', () => cache.createCache(database, { name: 'stock' }).set(1, 1)],
    ['a model', () => models.createModel(database, definition).count()],
    ['a message', () => outbox.addToOutbox(database.current, [{ channel: 'c', queue: 'q', payload: 1 }])],
    [
      'a job',
      async () => {
        const jobs = queue.createJobs(database, { queues: { sale: queue.defineQueue('sale') } });
        closes.push(() => jobs.close());
        return await jobs.queues.sale.push(undefined as never);
      },
    ],
  ])('%s inside of its transaction', async (_, call) => {
    await foreign().transaction(async () => await expectRefusal(call));
  });

  it('each may be used by itself, and outside of the transactions of the other', async () => {
    const theirs = foreign();
    await theirs.transaction(() => theirs.query(insert, [1]));
    await database.transaction(() => database.query(insert, [2]));
    expect(await server.products()).toEqual([1, 2]);
    await theirs.transaction(async () => {
      const left = Promise.withResolvers<void>();
      theirs.detached(() => database.query(insert, [3]).then(() => left.resolve(), left.reject));
      await left.promise;
    });
    expect(await server.products()).toEqual([1, 2, 3]);
  });

  it('its errors are errors of Sluice', () => {
    const error = new later.entries.sluice.TransactionRequiredError({ what: 'x', remedy: 'y' });
    expect([error instanceof sluice.TransactionRequiredError, error instanceof sluice.SluiceError]).toEqual([
      true,
      true,
    ]);
  });
});
