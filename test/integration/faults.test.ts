// A server of its own, which is stopped and started under load.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres } from '../../scripts/embedded-postgres.mjs';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { CommitUnknownError, createDatabase, type Database, statement } from '../../src/index.ts';
import { heapInUse } from '../support/heap.ts';
import { until } from '../support/settled.ts';

let server: Awaited<ReturnType<typeof startPostgres>>;
let database: Database<'default'>;

beforeAll(async () => {
  server = await startPostgres({ settings: { fsync: 'on' } });
  database = createDatabase({
    clients: { default: postgres({ connectionString: server.url, max: 5, acquireTimeout: 2_000 }) },
  });
  await database.current.query('create table product (id int primary key)');
}, 60_000);
afterAll(async () => {
  await database.close({ timeout: 1_000 });
  await server.stop();
});

describe('the server restarted under load', () => {
  it('the process lives, the pool recovers, and no acknowledged commit is lost', { timeout: 60_000 }, async () => {
    const acknowledged = new Set<number>();
    const unknown = new Set<number>();
    const uncaught: unknown[] = [];
    const onUncaught = (error: unknown): void => void uncaught.push(error);
    process.on('uncaughtException', onUncaught);
    process.on('unhandledRejection', onUncaught);

    let id = 0;
    let running = true;
    let failures = 0;
    const buyers = Array.from({ length: 20 }, async () => {
      while (running) {
        id += 1;
        const own = id;
        try {
          await database.transaction(async () => {
            await database.current.query('insert into product values ($1)', [own]);
            await database.current.query('select 1');
          });
          acknowledged.add(own);
        } catch (error) {
          failures += 1;
          if (error instanceof CommitUnknownError) unknown.add(own);
          // A refused connection fails at once; without a pause this would only burn the processor.
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    });
    await until('there is load', () => acknowledged.size > 500);
    await server.restart();
    const restarted = performance.now();
    const before = acknowledged.size;
    await until('the pool has recovered', () => acknowledged.size > before + 100, 20_000);
    const recovery = performance.now() - restarted;
    running = false;
    await Promise.all(buyers);
    process.off('uncaughtException', onUncaught);
    process.off('unhandledRejection', onUncaught);

    const { rows } = await database.current.query<{ id: number }>('select id from product');
    const present = new Set(rows.map((row) => row.id));
    expect([...acknowledged].filter((each) => !present.has(each))).toEqual([]);
    expect([...present].filter((each) => !acknowledged.has(each) && !unknown.has(each))).toEqual([]);
    expect(failures).toBeGreaterThan(0);
    expect(uncaught).toEqual([]);
    // The bound of the design.
    expect(recovery).toBeLessThan(2_000);

    const idle = await database.current.query("select 1 from pg_stat_activity where state like 'idle in transaction%'");
    expect(idle.rowCount).toBe(0);
    expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
  });

  it(
    'backends killed at random under load leave no connection in doubt and nothing in use',
    { timeout: 60_000 },
    async () => {
      const killer = createDatabase({
        clients: { default: postgres({ connectionString: server.url, applicationName: 'killer' }) },
      });
      await database.current.query('truncate product');
      const acknowledged: number[] = [];
      const unknown: number[] = [];
      let kills = 0;
      const work = Array.from({ length: 400 }, async (_, own) => {
        try {
          await database.transaction(async () => {
            await database.current.query('insert into product values ($1)', [own]);
            await database.transaction(() => database.current.query('select pg_sleep(0.002)'), {
              propagation: 'NESTED',
            });
            await database.transaction(() => database.current.query('select 1'), { propagation: 'REQUIRES_NEW' });
          });
          acknowledged.push(own);
        } catch (error) {
          if (error instanceof CommitUnknownError) unknown.push(own);
        }
      });
      let running = true;
      const killing = (async () => {
        while (running) {
          const killed = await killer.current.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sluice' order by random() limit 1",
          );
          kills += killed.rowCount;
        }
      })();
      await Promise.all(work);
      running = false;
      await killing;
      await killer.close();
      expect(kills).toBeGreaterThan(0);
      const { rows } = await database.current
        .query<{ id: number }>('select id from product')
        .catch(() => database.current.query<{ id: number }>('select id from product'));
      const present = rows.map((row) => row.id);
      expect(acknowledged.filter((each) => !present.includes(each))).toEqual([]);
      expect(present.filter((each) => !acknowledged.includes(each) && !unknown.includes(each))).toEqual([]);
      await until('nothing is in use', () => database.stats().clients.default.used === 0);
    },
  );
});

describe('10,000 who wait for one connection', () => {
  it('of whom 9,999 are cancelled leave at once, and the last one is served', { timeout: 60_000 }, async () => {
    const narrow = createDatabase({
      clients: { default: postgres({ connectionString: server.url, max: 1, maxLevel: 0 }) },
    });
    const release = Promise.withResolvers<void>();
    const holder = narrow.transaction(async () => {
      await narrow.current.query('select 1');
      await release.promise;
    });
    await until('the connection is held', () => narrow.stats().clients.default.oldestHolder !== undefined);
    const controllers = Array.from({ length: 10_000 }, () => new AbortController());
    const settled = Promise.allSettled(
      controllers.map(({ signal }) => narrow.transaction(() => narrow.current.query('select 1'), { signal })),
    );
    await until('all of them wait', () => narrow.stats().clients.default.waiting === 10_000);
    // What was made until they waited is not what is measured.
    await heapInUse();
    const start = process.cpuUsage();
    for (const controller of controllers.slice(1)) controller.abort(new Error('gone'));
    expect(narrow.stats().clients.default.waiting).toBe(1);
    release.resolve();
    const results = await settled;
    const { user, system } = process.cpuUsage(start);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(results[0]?.status).toBe('fulfilled');
    // The bound of the design, in microseconds of the processor: nothing in it waits but the last one's statement.
    expect(user + system).toBeLessThan(1_000_000);
    await holder;
    await narrow.close();
  });
});

describe('a loss of every prepared statement', () => {
  it('is healed without anybody noticing: DISCARD ALL', async () => {
    const narrow = createDatabase({
      clients: { default: postgres({ connectionString: server.url, max: 1, maxLevel: 0 }) },
    });
    const one = (): Promise<unknown> => narrow.transaction(() => narrow.current.query('select $1::int as one', [1]));
    for (let index = 0; index < 3; index += 1) await one();
    await narrow.current.query('discard all');
    await one();
    await narrow.current.query('select $1::int as one', [1]);
    await narrow.current.query('discard all');
    await narrow.current.query('select $1::int as one', [1]);
    await narrow.close();
  });

  it('so is a changed result type after a migration', async () => {
    const narrow = createDatabase({
      clients: { default: postgres({ connectionString: server.url, max: 1, maxLevel: 0 }) },
    });
    await narrow.current.query('create table payment (id int)');
    const read = (): Promise<{ rows: unknown[] }> => narrow.current.query('select * from payment');
    for (let index = 0; index < 3; index += 1) await read();
    await narrow.current.query('alter table payment add amount int default 5');
    await narrow.current.query('insert into payment values (1)');
    expect((await read()).rows).toEqual([{ id: 1, amount: 5 }]);
    for (let index = 0; index < 3; index += 1) await read();
    await narrow.current.query('alter table payment add note text');
    const inTransaction = await narrow.transaction(async () => (await read()).rows);
    expect(inTransaction).toEqual([{ id: 1, amount: 5, note: null }]);
    await narrow.close();
  });
});

it('more texts in one batch than prepared statements are kept: none is closed that the batch uses', async () => {
  const narrow = createDatabase({
    clients: { default: postgres({ connectionString: server.url, max: 1, maxLevel: 0, preparedStatements: 4 }) },
  });
  const texts = Array.from({ length: 12 }, (_, index) => `select ${index} as number`);
  await narrow.transaction(async () => {
    for (const order of [texts, texts.toReversed(), texts, texts.toReversed()]) {
      // Those of the last batch that are kept, and others that take their places.
      const results = await narrow.current.batch(order.map((text) => statement(text)));
      expect(results.map(({ rows }) => rows)).toEqual(order.map((text) => [{ number: Number(text.split(' ')[1]) }]));
    }
    const { rows } = await narrow.current.query('select count(*)::int as kept from pg_prepared_statements');
    expect(rows).toEqual([{ kept: expect.toSatisfy((kept: number) => kept <= 4) as number }]);
  });
  await narrow.close();
});
