// What a program exports of what the package gives it: each has a type that the declarations of the program can name.
import type { MikroORM } from '@mikro-orm/postgresql';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Redis } from 'ioredis';
import { Kysely, PostgresDialect } from 'kysely';
import { it } from 'node:test';
import {
  channelNames,
  createContextCarrier,
  createDatabase,
  currentContext,
  IsolationLevel,
  Propagation,
  sql,
  statement,
  Transactional,
  withContext,
} from 'sluice';
import { createApp } from 'sluice/app';
import { cacheChecks, createCache, createChangesRelay, defineCache, MemoryStore, richJson } from 'sluice/cache';
import { RedisStore } from 'sluice/cache/redis';
import { bindDrizzle } from 'sluice/drizzle';
import * as driver from 'sluice/driver';
import * as expressEntry from 'sluice/express';
import * as fastifyEntry from 'sluice/fastify';
import * as honoEntry from 'sluice/hono';
import { createHttpContext, HeldResponse, problemOf, routeTransaction, shutdown } from 'sluice/http';
import { joinFleet, startInspector } from 'sluice/inspector';
import { postgresFleet } from 'sluice/inspector/postgres';
import { createEvents } from 'sluice/events';
import { idempotent } from 'sluice/idempotency';
import { redisFleet } from 'sluice/inspector/redis';
import { bindKnex, createKnex } from 'sluice/knex';
import { bindEntries } from 'sluice/library';
import { bindKysely } from 'sluice/kysely';
import { bindMikroOrm, mikroOrmTypes } from 'sluice/mikro-orm';
import { createModel, defineModel, either, everyRow, gt, inList } from 'sluice/model';
import { ambientPool as ambientMysqlPool, mysql } from 'sluice/mysql';
import { instrumentSluice } from 'sluice/opentelemetry';
import { createOutbox, createRelay, defineTopic, findInInbox, parkedMessages } from 'sluice/outbox';
import { nats } from 'sluice/outbox/nats';
import { rabbitmq } from 'sluice/outbox/rabbitmq';
import { ambientPool, postgres } from 'sluice/postgres';
import { createJobs, defineQueue, memory } from 'sluice/queue';
import { bullmq } from 'sluice/queue/bullmq';
import * as engine from 'sluice/queue/engine';
import { pgBoss } from 'sluice/queue/pg-boss';
import { createSagas, defineSaga, findSaga, listSagas } from 'sluice/saga';
import { sqlite } from 'sluice/sqlite';
import { captureCommitHooks, interleave, poolOfOne, rollbackEach, rolledBack, testHeaders } from 'sluice/testing';
import * as conformance from 'sluice/testing/conformance';
import { createDataSource, getManager, withTransaction } from 'sluice/typeorm';

export const database = createDatabase({ clients: { default: postgres({}), legacy: mysql({}), local: sqlite() } });
export const db = database.current;
export const transactions = db.transaction;
export const open = db.transaction.active;
export const statistics = database.stats();
export const results = await database.batch([
  sql<{ id: number }>`select 1 as id`,
  statement<{ n: string }>('select 2'),
]);
export const countOf = (id: number) => database.batch([sql<{ n: number }>`select count(*) from sale where id = ${id}`]);
export const decorate = database.Transactional({ readOnly: true });
export const decorateAny = Transactional();
export const find = decorate(async (id: number) => String(id));
export const names = [IsolationLevel.SERIALIZABLE, Propagation.NESTED, channelNames.jobEnd];

export const carrier = createContextCarrier(database);
export const { injectContext, runWithContext } = carrier;
export const contexts = { currentContext, withContext, context: currentContext() };

const invoice = defineQueue<{ orderId: number }, string>('invoice');
export const jobs = createJobs(database, { queues: { invoice } });
export const queues = jobs.queues;
export const worker = jobs.worker().handle(invoice, ({ orderId }) => String(orderId));
export const handle = await jobs.queues.invoice.push({ orderId: 1 });
export const status = await handle.status();
export const engines = [memory(), pgBoss({ connectionString: '' }), bullmq({ connection: '' })];

export const definition = defineModel<{ id: number; title: string }>({ table: 'post', key: 'id' });
export const model = createModel(database, definition);
export const rows = await model.select({ columns: ['id'] });
export const builder = model.query();
export const conditions = { above: gt(1), among: inList([1]), every: everyRow, any: either({ id: 1 }, { id: gt(2) }) };

export const app = createApp(database, {
  models: { post: definition },
  queues: { invoice },
  caches: { stock: defineCache<number, string>({ name: 'stock' }) },
});
export class Service extends app.Bean {
  parts() {
    return { model: this.scope.model.post, cache: this.scope.cacheRedis.stock, db: this.ctx.db };
  }
}

export const cache = createCache<number, string>(database, { name: 'stock' });
export const cacheStatistics = cache.statistics;
export const stores = { memory: new MemoryStore(), redis: new RedisStore({ client: new Redis() }) };
export const feeds = [stores.memory.feed, stores.redis.feed];
export const cacheParts = { cacheChecks, richJson };
export const relays = [
  createRelay(database, { channel: 'broker', deliver: async () => {} }),
  createChangesRelay(database, { store: stores.redis }),
];
export const placedOrders = defineTopic<{ readonly id: number }>('orders');
export const brokers = [nats(), rabbitmq()];
export const outboxes = brokers.map((broker) => createOutbox(database, { broker }));
export const consumers = outboxes.map((outbox) => outbox.consume(placedOrders, ({ id }) => id, { group: 'stock' }));
export const setAside = await outboxes[0]?.parked(placedOrders, { group: 'stock' });
export const order = defineSaga('order', async (saga, id: number) => {
  const paid = await saga.step('pay', () => ({ id }), { compensate: (payment) => payment.id });
  return { paid, approved: await saga.waitFor<{ by: string }>('approval', { timeout: '2 days' }) };
});
export const sagas = createSagas(database, { sagas: { order } });
export const started = await sagas.order.start(1);
export const approved = started.result();
export const known = { found: await findSaga(db, 'order', '1'), listed: await listSagas(db) };
export const parked = await parkedMessages(db, 'broker');
export const handled = await findInInbox(db, 'stock', []);

const pool = ambientPool(database);
export const pools = { postgres: pool, mysql: ambientMysqlPool(database, 'legacy') };
export const kysely = bindKysely(
  new Kysely<{ sale: { product_id: number } }>({ dialect: new PostgresDialect({ pool }) }),
  database,
);
export const drizzled = bindDrizzle(drizzle(pool), database);
export const knex = bindKnex(createKnex(database), database);
export const events = createEvents(database);
export const once = idempotent(database, { key: '7', scope: 'sell' }, () => 7);
export const store = bindEntries(database, { append: async (stream: string) => stream }, ['append']);
export const dataSource = createDataSource(database, { entities: [] });
export const typeorm = { manager: getManager(), withTransaction };
export const bindOrm = (orm: MikroORM) => bindMikroOrm(orm, database);
export const parsersOf = mikroOrmTypes;

export const test = rollbackEach(database, it);
export const testing = { rolledBack, interleave, poolOfOne, testHeaders, captured: await captureCommitHooks(() => 1) };
export const frameworks = {
  express: [expressEntry.sluice(database), expressEntry.problemHandler(), expressEntry.contextOf],
  fastify: fastifyEntry.sluice(database),
  hono: [honoEntry.sluice(database), honoEntry.transaction(), honoEntry.problemHandler()],
};
export const http = { contexts: createHttpContext(database), HeldResponse, problemOf, routeTransaction, shutdown };
export const instrumentation = instrumentSluice();
export const inspectors = [
  startInspector(database, { caches: [cache], port: 0 }),
  joinFleet(database, { fleet: postgresFleet({ connectionString: 'postgres://127.0.0.1/shop' }) }),
  redisFleet({ client: new Redis(), subscriber: new Redis() }),
];
export const ports = { ...conformance, ...driver, ...engine };
