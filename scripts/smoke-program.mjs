// Uses what was built as a program does, on the Node.js that runs it. The package finds itself by its own name.
import assert from 'node:assert/strict';
import { createDatabase } from 'sluice';
import { createCache } from 'sluice/cache';
import { postgres } from 'sluice/postgres';
import { createJobs, defineQueue, memory } from 'sluice/queue';
import { sqlite } from 'sluice/sqlite';

if (process.argv[2] !== undefined) assert.equal(process.version, `v${process.argv[2]}`);
const table = `smoke_product_${process.pid}`;
const database = createDatabase({
  clients: { default: postgres({ connectionString: process.env.DATABASE_URL, max: 1 }) },
});
await database.query(`create table ${table} (id int primary key)`);
try {
  await keepsAllButARolledBackSavepoint();
  await undoesATransaction();
  await cachesAValue();
  await runsAJob();
} finally {
  await database.query(`drop table ${table}`);
  await database.close();
}
await usesSqlite();
console.log(`The built package works on Node.js ${process.version}.`);

async function keepsAllButARolledBackSavepoint() {
  await database.transaction(async () => {
    await insert(1);
    const nested = database.transaction(() => insertAndFail(2), { propagation: 'NESTED' });
    await assert.rejects(nested, /undo/);
    await database.transaction(() => insert(3), { propagation: 'NESTED' });
  });
  assert.deepEqual(await ids(), [1, 3]);
}

async function undoesATransaction() {
  await assert.rejects(
    database.transaction(() => insertAndFail(4)),
    /undo/,
  );
  assert.deepEqual(await ids(), [1, 3]);
}

async function cachesAValue() {
  const count = createCache(database, { name: 'count', ttl: 60_000 });
  assert.equal(await count.getOrSet('all', countRows), 2);
  await database.transaction(async () => {
    await insert(5);
    await count.set(3, 'all');
  });
  assert.equal(await count.getOrSet('all', countRows), 3);
}

async function runsAJob() {
  const double = defineQueue('double');
  const jobs = createJobs(database, { queues: { double }, engine: memory() });
  jobs.worker().handle(double, (value) => value * 2);
  // At max: 1, in the middle of a transaction that holds a connection.
  const result = await database.transaction(async () => {
    await insert(6);
    return await jobs.queues.double.pushAsync(21);
  });
  assert.equal(result, 42);
  await jobs.close();
}

async function usesSqlite() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major === 22 && minor < 16) {
    assert.throws(() => sqlite(), { code: 'UNSUPPORTED_SERVER' });
    return;
  }
  const shop = createDatabase({ clients: { default: sqlite() } });
  const { rows } = await shop.transaction(() => shop.query('select 1 as one'));
  assert.deepEqual(
    rows.map(({ one }) => one),
    [1],
  );
  await shop.close();
}

async function insertAndFail(id) {
  await insert(id);
  throw new Error('undo');
}

async function insert(id) {
  await database.query(`insert into ${table} (id) values ($1)`, [id]);
}

async function ids() {
  const { rows } = await database.query(`select id from ${table} order by id`);
  return rows.map(({ id }) => id);
}

async function countRows() {
  return (await ids()).length;
}
