// Bodies of real libraries that are repeated: those that retry breaks are found, and those that it does not are not.
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable, serial } from 'drizzle-orm/pg-core';
import { Redis } from 'ioredis';
import { Kysely, PostgresDialect } from 'kysely';
import { PgBoss } from 'pg-boss';
import { EntitySchema } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { RedisStore } from '../../src/cache/redis/index.ts';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import type { Database } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { type AmbientDataSource, createDataSource } from '../../src/integrations/typeorm/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { pgBoss } from '../../src/queue/engines/pg-boss/index.ts';
import { createJobs, defineQueue, memory, type QueueEngineFactory } from '../../src/queue/index.ts';
import { NotRepeatableError, proveRepeatable, type RepeatableProof } from '../../src/testing/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { untilUsed } from '../support/redis-store.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';

interface Stock {
  productId: string;
  available: number;
}
const Stock = new EntitySchema<Stock>({
  name: 'stock',
  columns: { productId: { type: 'text', primary: true, name: 'product_id' }, available: { type: 'int' } },
});
interface Order {
  id: number;
  customer: string;
}
const Order = new EntitySchema<Order>({
  name: 'shop_order',
  columns: { id: { type: 'int', primary: true, generated: true }, customer: { type: 'text' } },
});
interface Reservation {
  id: number;
  productId: string;
  expiresAt: Date;
}
const Reservation = new EntitySchema<Reservation>({
  name: 'reservation',
  columns: {
    id: { type: 'int', primary: true, generated: true },
    productId: { type: 'text', name: 'product_id' },
    expiresAt: { type: 'timestamptz', name: 'expires_at' },
  },
});
const shipment = pgTable('shipment', { id: serial().primaryKey(), orderId: integer('order_id').notNull() });
interface Tables {
  payment: { order_id: number; amount: number };
}

const server = useTestDatabase(
  'create table stock (product_id text primary key, available int not null)',
  'create table shop_order (id serial primary key, customer text not null)',
  'create table reservation (id serial primary key, product_id text not null, expires_at timestamptz not null)',
  'create table payment (order_id int primary key references shop_order, amount int not null)',
  'create table shipment (id serial primary key, order_id int not null references shop_order)',
);
const sold = defineQueue<{ id: number }>('sold');

let database: Database<'default'>;
let dataSource: AmbientDataSource;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  database = server.open({ max: 4 }, { foreignWaits: 'off' });
  dataSource = await createDataSource(database, { entities: [Stock, Order, Reservation] }).initialize();
  closing.push(() => dataSource.destroy());
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function setup(): Promise<void> {
  await database.query('truncate shipment, payment, reservation, shop_order, stock');
  await database.query("insert into stock (product_id, available) values ('book', 5)");
}
const inTransaction = <Result>(body: () => Promise<Result>): Promise<Result> =>
  database.transaction(body, { retry: { attempts: 3, delay: 1 } });
const prove = (body: () => unknown): Promise<RepeatableProof> => proveRepeatable(database, { setup, body });

async function proveGiven<Given>(make: () => Given, body: (given: Given) => unknown): Promise<RepeatableProof> {
  return await proveRepeatable<Given>(database, { setup: () => setup().then(make), body });
}

async function isRefused(proving: Promise<unknown>, problem: string): Promise<NotRepeatableError> {
  const error: unknown = await proving.catch((refusal: unknown) => refusal);
  if (!(error instanceof NotRepeatableError)) throw new Error(`it was not found: ${String(error)}`);
  expect(error.findings.map((each) => each.problem)).toContain(problem);
  expect(error.findings[0]?.transactionAt).toContain('repeatable-libraries.test.ts');
  return error;
}

/** Orders with TypeORM. */
async function order(customer: string): Promise<Order> {
  const { manager } = dataSource;
  const stock = await manager.findOneOrFail(Stock, {
    where: { productId: 'book' },
    lock: { mode: 'pessimistic_write' },
  });
  stock.available -= 1;
  await manager.save(Stock, stock);
  const expiresAt = new Date(Date.now() + 900_000);
  await manager.save(Reservation, manager.create(Reservation, { productId: 'book', expiresAt }));
  return await manager.save(Order, manager.create(Order, { customer }));
}

function jobsOf(engine: QueueEngineFactory, on = database): ReturnType<typeof createJobs<{ sold: typeof sold }>> {
  const jobs = createJobs(on, { engine, queues: { sold } });
  closing.push(() => jobs.close({ timeout: 500 }));
  return jobs;
}

const engines: Readonly<Record<string, () => QueueEngineFactory>> = {
  memory: () => memory(),
  'pg-boss': () => pgBoss({ connectionString: server.url }),
};

describe('a body that may be repeated', () => {
  it('orders with TypeORM, pays with Kysely and ships with Drizzle, each in transactions of its own too', async () => {
    const kysely = bindKysely(
      new Kysely<Tables>({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }),
      database,
    );
    const db = bindDrizzle(drizzle(ambientPool(database)), database);
    const mails: string[] = [];
    const proof = await prove(() =>
      inTransaction(async () => {
        const { id } = await order('ann');
        await kysely
          .transaction()
          .execute((trx) => trx.insertInto('payment').values({ order_id: id, amount: 10 }).execute());
        await db.transaction(async (tx) => {
          const [row] = await tx.insert(shipment).values({ orderId: id }).returning();
          await tx.select().from(shipment);
          return row;
        });
        database.current.commit(() => mails.push(`order ${id}`));
        return id;
      }),
    );
    expect(proof).toMatchObject({ repeated: ['anonymous'], notCompared: [] });
  });

  it.each(Object.keys(engines))('pushes a job of %s in its transaction', async (name) => {
    const jobs = jobsOf(engines[name]?.() ?? memory());
    await jobs.queues.sold.push({ id: 0 });
    const proof = await prove(() =>
      inTransaction(async () => {
        const { id } = await order('ann');
        await jobs.queues.sold.push({ id });
        return id;
      }),
    );
    expect(proof.repeated).toEqual(['anonymous']);
  });
});

describe('a body that may be repeated, since Sluice does not do twice what it asks for', () => {
  it('pushes a job of pg-boss for another database, which goes through the outbox', async () => {
    await createOutboxTables(database.current);
    const other = jobsOf(pgBoss({ connectionString: server.url }), server.open({ max: 2 }));
    await other.queues.sold.push({ id: 0 });
    const proof = await prove(() =>
      inTransaction(async () => {
        const { id } = await order('ann');
        await other.queues.sold.push({ id });
      }),
    );
    expect(proof.repeated).toEqual(['anonymous']);
  });

  it('waits for a job that a worker works off meanwhile', async () => {
    const jobs = jobsOf(memory());
    const worked: number[] = [];
    jobs.worker().handle(sold, async ({ id }) => void worked.push(id));
    await proveRepeatable(database, {
      setup: async () => {
        worked.length = 0;
        await setup();
      },
      watch: () => [...worked],
      body: () =>
        inTransaction(async () => {
          await order('ann');
          await jobs.queues.sold.pushAsync({ id: 1 });
        }),
    });
    expect(worked).toEqual([1]);
  });
});

describe('a body that retry breaks', () => {
  it('saves an entity of TypeORM that has its id from the first attempt', async () => {
    const error = await isRefused(
      proveGiven(
        () => dataSource.manager.create(Order, { customer: 'ann' }),
        (entity) => inTransaction(() => dataSource.manager.save(Order, entity)),
      ),
      'sentOtherwise',
    );
    expect(error.message).toContain('shop_order');
    expect(error.findings[0]?.place).toContain('repeatable-libraries.test.ts');
  });

  it('sends a job with pg-boss on a pool of its own', async () => {
    const boss = new PgBoss({ connectionString: server.url, supervise: false, schedule: false });
    await boss.start();
    closing.push(() => boss.stop({ graceful: false }));
    await boss.createQueue('mails');
    const error = await isRefused(
      prove(() =>
        inTransaction(async () => {
          await order('ann');
          await boss.send('mails', { to: 'ann' });
        }),
      ),
      'calledOut',
    );
    expect(error.message).toContain(`:${new URL(server.url).port}`);
  });

  it('pushes a job of memory outside of its transaction', async () => {
    const { queues } = jobsOf(memory());
    await isRefused(
      proveRepeatable(database, {
        setup,
        watch: async () => (await queues.sold.admin.counts()).waiting,
        body: () =>
          inTransaction(async () => {
            await order('ann');
            await database.transaction(() => queues.sold.push({ id: 1 }), { propagation: 'NOT_SUPPORTED' });
          }),
      }),
      'watchedDiffers',
    );
  });
});

await describeWith('Redis', 'with Redis', () => {
  let redis: Redis;
  const prefix = redisKeys('repeatable:');
  beforeEach(async () => {
    redis = new Redis(redisUrl);
    closing.push(async () => redis.disconnect());
    await redis.ping();
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a command', () => redis.set(`${prefix}last`, 'ann')],
    ['a pipeline', () => redis.pipeline().incr(`${prefix}sold`).exec()],
  ])('%s of ioredis out of the body is found', async (_, send) => {
    const error = await isRefused(
      prove(() =>
        inTransaction(async () => {
          await order('ann');
          await send();
        }),
      ),
      'calledOut',
    );
    expect(error.message).toContain(`the server at ${redis.stream.remoteAddress}:${redis.stream.remotePort}`);
    expect(error.findings[0]?.place).toContain('repeatable-libraries.test.ts');
  });

  it('a command of ioredis from a hook is none', async () => {
    const proof = await prove(() =>
      inTransaction(async () => {
        await order('ann');
        database.current.commit(() => redis.incr(`${prefix}sold`));
      }),
    );
    expect(proof.repeated).toEqual(['anonymous']);
  });

  it('a cache of Sluice in Redis is none', async () => {
    const store = new RedisStore({ client: redis, prefix, commitTimeout: 100 });
    await untilUsed(store);
    const cache = createCache(database, { name: 'stock', store });
    const proof = await prove(() =>
      inTransaction(async () => {
        await order('ann');
        await cache.invalidate(['book']);
      }),
    );
    expect(proof.repeated).toEqual(['anonymous']);
  });
});
