// The quick starts of the documentation, and what has to be there once their steps have been taken.
import { strict as assert } from 'node:assert';

/** @returns a check that a table has these rows */
const has =
  (query, ...rows) =>
  async ({ sql }) =>
    assert.deepEqual(await sql(query), rows);
const soldProduct = (id) => has('select product_id from sale', { product_id: id });
const printed =
  (text) =>
  ({ output }) =>
    assert.equal(output, text);
const nothingSold = has('select product_id from sale');

/** A server that sells with POST, and whose transaction is committed when it has answered. */
const sells =
  (path, body) =>
  async ({ ask, sql }) => {
    const headers = { 'content-type': 'application/json' };
    const { status } = await ask(path, { method: 'POST', headers, body: JSON.stringify(body) });
    assert.equal(status, 201);
    assert.deepEqual(await sql('select product_id from sale'), [{ product_id: 1 }]);
  };
const sellsAndShows = (path) => async (running) => {
  await sells(path, {})(running);
  assert.deepEqual(await (await running.ask(path)).json(), [{ product_id: 1 }]);
  // What fails is no success.
  await running.sql('drop table sale');
  assert.equal((await running.ask(path, { method: 'POST' })).status, 500);
};

/**
 * `continues` takes what the page says at its top to install first. `check` runs when all steps have been taken. `serves` runs while the last command does, which is ended by SIGTERM afterwards.
 * `steady` takes out of what is printed what differs from run to run.
 * `project` is the folder of test/fresh whose settings the page takes for granted, less its source.
 */
export const starts = [
  {
    page: 'README.md',
    section: 'Start',
    async check({ sql }) {
      await soldProduct(1)({ sql });
      assert.equal((await sql('select event from audit')).length, 2);
    },
  },
  { page: 'docs/start.md', check: soldProduct(1) },
  { page: 'docs/start.md', section: 'With decorators', continues: true, check: soldProduct(1) },
  {
    page: 'docs/start.md',
    section: 'With your library',
    continues: true,
    check: has('select product_id from sale order by 1', { product_id: 1 }, { product_id: 2 }, { product_id: 3 }),
  },
  { page: 'docs/start.md', section: 'With jobs', continues: true, check: soldProduct(1) },

  { page: 'docs/http.md', section: 'Fastify', serves: sellsAndShows('/sales') },
  { page: 'docs/http.md', section: 'Express', serves: sellsAndShows('/sales') },
  { page: 'docs/http.md', section: 'Hono', serves: sellsAndShows('/sales') },
  { page: 'docs/http.md', section: 'Other frameworks', serves: sells('/', {}) },
  ...['nest11-jest', 'nest12-vitest'].map((project) => ({
    page: 'docs/nestjs.md',
    project,
    async serves(running) {
      await sells('/orders', { productId: 1 })(running);
    },
  })),
  {
    page: 'docs/typeorm.md',
    check: has('select available from stock', { available: 0 }, { available: 0 }),
  },
  { page: 'docs/prisma.md', check: soldProduct(8) },
  { page: 'docs/drizzle.md', check: soldProduct(8) },
  { page: 'docs/kysely.md', check: soldProduct(8) },
  { page: 'docs/knex.md', check: soldProduct(8) },
  { page: 'docs/mikro-orm.md', check: soldProduct(8) },
  { page: 'docs/models.md', check: has('select title from post', { title: 'Post001-Update' }) },
  {
    page: 'docs/jobs.md',
    async check({ sql }) {
      await soldProduct(7)({ sql });
      await has('select order_id from invoice', { order_id: 7 })({ sql });
    },
  },
  {
    page: 'docs/jobs.md',
    section: 'BullMQ',
    async check(done) {
      await soldProduct(7)(done);
      printed('INV-7\n')(done);
    },
  },
  { page: 'docs/caching.md', check: has('select stock from product', { stock: 4 }) },
  { page: 'docs/caching.md', section: 'Several processes: Redis', check: printed('4\n') },
  { page: 'docs/outbox.md', check: has('select count(*)::int as waiting from sluice_outbox', { waiting: 0 }) },
  {
    page: 'docs/brokers.md',
    async check(done) {
      await has('select order_id from reservation', { order_id: 7 })(done);
      printed('reserved for order 7\n')(done);
    },
  },
  {
    page: 'docs/transactional-events.md',
    check: has('select (select count(*) from sale)::int as sales, (select count(*) from bill)::int as bills', {
      sales: 1,
      bills: 1,
    }),
  },
  {
    page: 'docs/idempotency.md',
    async check(done) {
      await soldProduct(7)(done);
      printed('7 false\n7 true\nIDEMPOTENCY_CONFLICT\n')(done);
    },
  },
  {
    page: 'docs/idempotency.md',
    section: 'HTTP',
    async serves({ ask, sql }) {
      const sell = () => ask('/sales', { method: 'POST', headers: { 'idempotency-key': '6f1c' } });
      const [first, second] = [await sell(), await sell()];
      assert.deepEqual([first.status, second.status], [201, 201]);
      assert.equal(await second.text(), await first.text());
      assert.equal(second.headers.get('idempotency-replayed'), 'true');
      assert.deepEqual(await sql('select product_id from sale'), [{ product_id: 1 }]);
    },
  },
  {
    page: 'docs/sagas.md',
    async check(done) {
      await soldProduct(7)(done);
      printed('7\n7\nSAGA_FAILED\n')(done);
    },
  },
  {
    page: 'docs/guides/find-your-lost-updates.md',
    // How many orders a remedy is tried in depends on the time that they take.
    steady: (text) => text.replaceAll(/no anomaly in .*/g, 'no anomaly'),
    check: has('select "productId" from inventory_stock', { productId: 'book' }),
  },
  { page: 'docs/testing.md', check: nothingSold },
  { page: 'docs/testing.md', section: 'Over HTTP', continues: true, check: nothingSold },
];
