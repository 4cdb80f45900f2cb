// A connection that is lost before COMMIT, or was lost while it lay idle; and limits of pg's own.
import { afterAll, beforeAll, expect, it } from 'vitest';
import Cursor from 'pg-cursor';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { createDatabase, withContext } from '../../src/index.ts';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { mariadbEngine } from '../support/engines/mariadb.ts';
import { postgresEngine } from '../support/engines/postgres.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { lostSuite } from '../support/lost-suite.ts';
import { describeWith } from '../support/servers.ts';
import { rejection, until } from '../support/settled.ts';

lostSuite({
  engine: postgresEngine,
  open: (connectionString) =>
    createDatabase({ clients: { default: postgres({ connectionString, max: 1, acquireTimeout: 2_000 }) } }),
});

await describeWith('MariaDB', 'MariaDB', () =>
  lostSuite({
    engine: mariadbEngine,
    open: (uri) => createDatabase({ clients: { default: mysql({ uri, max: 1, acquireTimeout: 2_000 }) } }),
  }),
);

const server = postgresEngine.server();
beforeAll(async () => {
  await server.start();
  await server.sql(
    'create function slowly(id int) returns int language plpgsql as $$ begin perform pg_sleep(30); return id; end $$',
  );
});
afterAll(() => server.drop());

it("the deadline of a chain ends a stream on a library's own connection, whose server answers no more", async () => {
  const proxy = await startFaultProxy(server.url);
  const database = createDatabase({ clients: { default: postgres({ connectionString: proxy.url, max: 1 }) } });
  await withContext({ timeout: 500 }, async () => {
    const client = await ambientPool(database).connect();
    const cursor = client.query(new Cursor('select generate_series(1, 100)'));
    expect(await cursor.read(10)).toHaveLength(10);
    proxy.set('down', { type: 'swallow', after: 0 });
    expect((await rejection(cursor.read(10))).message).toContain('terminated');
    client.release();
  });
  await until('nothing is in use', () => database.stats().clients.default.used === 0);
  await database.close();
  await proxy.close();
});

it('query_timeout of a connection string has the server cancel: what is told is what is there', async () => {
  const url = new URL(server.url);
  url.searchParams.set('query_timeout', '200');
  const database = createDatabase({ clients: { default: postgres({ connectionString: url.href, max: 1 }) } });
  const outcomes: string[] = [];
  const error = await rejection(
    database.transaction(async () => {
      database.current.afterCompletion((outcome) => outcomes.push(outcome));
      await database.current.query('insert into product (id) values (slowly(1))', [], { last: true });
    }),
  );
  expect(error).toMatchObject({ code: '57014' });
  expect(outcomes).toEqual(['rolledBack']);
  await until(
    'it is cancelled',
    async () => (await server.running('insert into product (id) values (slowly(1))')) === 0,
  );
  expect(await server.sql('select id from product')).toEqual([]);
  // The connection serves the next one.
  await database.current.query('insert into product (id) values (2)');
  expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 1 });
  await database.close();
});
