// What a program that is locked to older versions uses works, or is refused by name before anything is taken.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import { EntitySchema, MikroORM } from '@mikro-orm/postgresql';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import Redis from 'ioredis';
import { Kysely, PostgresDialect } from 'kysely';
import { createDatabase, UnsupportedLibraryError } from 'sluice';
import { createCache } from 'sluice/cache';
import { RedisStore } from 'sluice/cache/redis';
import { bindDrizzle } from 'sluice/drizzle';
import { createKnex } from 'sluice/knex';
import { bindKysely } from 'sluice/kysely';
import { bindMikroOrm } from 'sluice/mikro-orm';
import { createOutboxTables } from 'sluice/outbox';
import { ambientPool, postgres } from 'sluice/postgres';
import { bindPrisma } from 'sluice/prisma';
import { createJobs, defineQueue } from 'sluice/queue';
import { bullmq } from 'sluice/queue/bullmq';
import { pgBoss } from 'sluice/queue/pg-boss';

const { version: versionOfPrisma } = createRequire(import.meta.url)('@prisma/client/package.json');
const connectionString = process.env.DATABASE_URL;
const table = `fresh_${process.pid}`;
// In a schema of its own, since the outbox has tables.
const options = `-c search_path=${table}`;
const database = createDatabase({ clients: { default: postgres({ connectionString, options, max: 2 }) } });
await database.query(`create schema ${table}`);
await database.query(`create table ${table} (id int primary key)`);
try {
  const pool = ambientPool(database);
  const product = pgTable(table, { id: integer().primaryKey() });
  const db = bindDrizzle(drizzle(pool), database);
  const kysely = bindKysely(new Kysely({ dialect: new PostgresDialect({ pool }) }), database);
  const knex = createKnex(database);
  await joins('drizzle-orm', (id) => db.transaction((inner) => inner.insert(product).values({ id })));
  await joins('kysely', (id) => kysely.transaction().execute((trx) => trx.insertInto(table).values({ id }).execute()));
  await joins('knex', (id) => knex.transaction((trx) => trx(table).insert({ id })));
  await runsJobs();
  await caches();
  refused('pg-boss', '11.1.2', () => pgBoss({ connectionString }));
  // What its client says of itself: to generate one, Prisma 6 downloads its engine.
  const prisma = { _clientVersion: versionOfPrisma, $transaction() {}, $extends() {} };
  refused('@prisma/client', '6.15.0', () => bindPrisma(prisma, database));
  const entity = new EntitySchema({ name: 'Product', properties: { id: { type: 'number', primary: true } } });
  const orm = await MikroORM.init({ clientUrl: connectionString, entities: [entity], connect: false });
  refused('@mikro-orm/core', '6.6.16', () => bindMikroOrm(orm, database));
  await orm.close();
} finally {
  await database.query(`drop schema ${table} cascade`);
  await database.close();
}

/** Its own transactions are in the ambient one. */
async function joins(library, insert) {
  await database.query(`delete from ${table}`);
  await database.transaction(() => insert(1));
  const declined = database.transaction(async () => {
    await insert(2);
    throw new RangeError('declined');
  });
  await assert.rejects(declined, RangeError);
  const { rows } = await database.query(`select id from ${table}`);
  assert.deepEqual(
    rows.map(({ id }) => id),
    [1],
  );
  console.log(`${library} works`);
}

async function runsJobs() {
  const connection = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
  await createOutboxTables(database.getDb());
  const double = defineQueue('double');
  const jobs = createJobs(database, { queues: { double }, engine: bullmq({ connection, prefix: table }) });
  const worker = jobs.worker().handle(double, (value) => value * 2);
  assert.equal(await database.transaction(() => jobs.queues.double.pushAsync(21)), 42);
  await worker.close();
  await jobs.obliterate();
  await jobs.close();
  console.log('bullmq works');
}

async function caches() {
  const client = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
  const store = new RedisStore({ client, prefix: `${table}:`, timeout: 5_000, commitTimeout: 100 });
  const stock = createCache(database, { name: 'stock', store });
  const stored = async () => {
    await database.transaction(() => stock.set(3, 'all'));
    return await stock.getOrSet('all', () => 4);
  };
  // A store that has just begun is used when the commits of before must have ended.
  for (let tries = 0; tries < 50 && (await stored()) !== 3; tries += 1) await setTimeout(100);
  assert.equal(await stored(), 3);
  const keys = await client.keys(`${table}:*`);
  assert.ok(keys.length > 0);
  await client.del(keys);
  await client.quit();
  console.log('ioredis works');
}

function refused(library, has, bind) {
  assert.throws(bind, (error) => {
    assert.ok(error instanceof UnsupportedLibraryError, String(error));
    assert.equal(error.library, library);
    assert.equal(error.has, has);
    return true;
  });
  console.log(`${library} ${has} is refused`);
}
