// pg-boss as its users have it, with `db` made of the ambient pool; on a pool of pg it says what is right.
import pg from 'pg';
import { fromDrizzle, fromKnex, fromKysely, PgBoss, type Db as BossDb } from 'pg-boss';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Kysely, PostgresDialect } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import type { Database } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const kinds = ['a pool of pg', 'the ambient pool', 'a client of the ambient pool'] as const;
type Kind = (typeof kinds)[number];

const schema = 'boss';
const closing: (() => Promise<unknown>)[] = [];
let database: Database<'default'>;
let pool: pg.Pool;
const failures: unknown[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  await server.sql(`drop schema if exists ${schema} cascade`);
  expect(failures.splice(0)).toEqual([]);
});

function poolOf(kind: Kind): pg.Pool {
  if (kind !== 'a pool of pg') return ambientPool(database);
  const own = new pg.Pool({ connectionString: server.url, max: 4 });
  closing.push(() => own.end());
  return own;
}

/** What pg-boss runs its statements with. */
function dbOf(kind: Kind): BossDb {
  if (kind !== 'a client of the ambient pool')
    return { executeSql: async (text, values) => await pool.query(text, values) };
  return {
    async executeSql(text, values) {
      const client = await pool.connect();
      try {
        return await client.query(text, values);
      } finally {
        client.release();
      }
    },
  };
}

async function start(db: BossDb, options: object = {}): Promise<PgBoss> {
  const boss = new PgBoss({ db, schema, supervise: false, schedule: false, ...options });
  boss.on('error', (error) => void failures.push(error));
  closing.push(() => boss.stop({ graceful: false, close: false }));
  return await boss.start();
}

async function stateOf(boss: PgBoss, id: string | null): Promise<string | undefined> {
  const [job] = await boss.findJobs('mail', { id: String(id) });
  return job?.state;
}

describe.each(kinds)('pg-boss on %s', (kind) => {
  let boss: PgBoss;
  beforeEach(async () => {
    database = server.open({ max: 4 });
    pool = poolOf(kind);
    boss = await start(dbOf(kind));
    await boss.createQueue('mail', { retryLimit: 0 });
  });

  it('makes its schema, and finds it there the next time', async () => {
    expect(await boss.isInstalled()).toBe(true);
    const version = await boss.schemaVersion();
    const second = await start(dbOf(kind));
    expect(await second.schemaVersion()).toBe(version);
    expect(await second.detectSchemaDrift()).toMatchObject({ ok: true });
  });

  it('is started by two at the same time, who make the same queue', async () => {
    const both = await Promise.all([start(dbOf(kind)), start(dbOf(kind))]);
    await Promise.all(both.map((one) => one.createQueue('other')));
    expect(await boss.getQueues(['other'])).toHaveLength(1);
  });

  it('sends, fetches, completes, fails and retries', async () => {
    const id = await boss.send('mail', { to: 'a' });
    const [job] = await boss.fetch<{ to: string }>('mail');
    expect(job).toMatchObject({ id, data: { to: 'a' } });
    expect(await stateOf(boss, id)).toBe('active');
    await boss.complete('mail', String(id), { sent: true });
    expect(await boss.findJobs('mail', { id: String(id) })).toMatchObject([
      { state: 'completed', output: { sent: true } },
    ]);
    const failing = await boss.send('mail', null, { retryLimit: 1, retryDelay: 0 });
    await boss.fetch('mail');
    await boss.fail('mail', String(failing), { reason: 'full' });
    expect(await stateOf(boss, failing)).toBe('retry');
    await boss.fetch('mail');
    await boss.fail('mail', String(failing));
    expect(await stateOf(boss, failing)).toBe('failed');
    await boss.retry('mail', String(failing));
    expect(await stateOf(boss, failing)).toBe('retry');
    await boss.cancel('mail', String(failing));
    expect(await stateOf(boss, failing)).toBe('cancelled');
  });

  it('inserts many at once, and fetches each once, by several who ask at the same time', async () => {
    const ids = await boss.insert(
      'mail',
      Array.from({ length: 40 }, (_, at) => ({ data: { at } })),
      { returnId: true },
    );
    expect(ids).toHaveLength(40);
    const batches = await Promise.all(Array.from({ length: 4 }, () => boss.fetch('mail', { batchSize: 10 })));
    const fetched = batches.flat().map((job) => job.id);
    expect(new Set(fetched).size).toBe(40);
    await boss.complete('mail', fetched);
    expect((await boss.getQueueStats('mail', { force: true }))[0]?.totalCount).toBe(40);
  });

  it('keeps one of those with a key', async () => {
    await boss.createQueue('single', { policy: 'exclusive' });
    const sent = await Promise.all(
      Array.from({ length: 5 }, (_, at) => boss.send('single', { at }, { singletonKey: 'x' })),
    );
    expect(sent.filter((id) => id !== null)).toHaveLength(1);
    expect(await boss.send('mail', {}, { singletonKey: 'a', singletonSeconds: 60 })).not.toBeNull();
    expect(await boss.send('mail', {}, { singletonKey: 'a', singletonSeconds: 60 })).toBeNull();
    expect(await boss.sendThrottled('mail', {}, null, 60, 'b')).not.toBeNull();
    expect(await boss.sendThrottled('mail', {}, null, 60, 'b')).toBeNull();
  });

  it('schedules, publishes, and deletes queues', async () => {
    await boss.schedule('mail', '* * * * *', { daily: true }, { tz: 'Europe/Berlin' });
    expect(await boss.getSchedules()).toMatchObject([{ name: 'mail', cron: '* * * * *', data: { daily: true } }]);
    await boss.unschedule('mail');
    expect(await boss.getSchedules()).toEqual([]);
    await boss.subscribe('sold', 'mail');
    await boss.publish('sold', { product: 7 });
    expect(await boss.fetch('mail')).toMatchObject([{ data: { product: 7 } }]);
    await boss.deleteQueue('mail');
    expect(await boss.getQueue('mail')).toBeNull();
  });

  it('supervises', async () => {
    await boss.send('mail', {});
    await boss.supervise('mail');
    expect(await boss.getQueues(['mail'])).toMatchObject([{ name: 'mail' }]);
  });

  it('works, and tells of handlers that fail', async () => {
    const done: unknown[] = [];
    const good = await boss.send('mail', { fails: false });
    const bad = await boss.send('mail', { fails: true });
    await boss.work<{ fails: boolean }>('mail', { pollingIntervalSeconds: 0.5 }, async ([job]) => {
      if (job?.data.fails === true) throw new Error('no such address');
      await pool.query('insert into product (id) values (1)');
      done.push(job?.id);
      return { sent: true };
    });
    await until(
      'both have ended',
      async () => (await stateOf(boss, good)) === 'completed' && (await stateOf(boss, bad)) === 'failed',
    );
    expect(done).toEqual([good]);
    expect((await boss.findJobs<unknown>('mail', { id: String(bad) }))[0]?.output).toMatchObject({
      message: 'no such address',
    });
    expect(await server.products()).toEqual([1]);
  });

  it('tells an error of the server with its code, and goes on', async () => {
    const db = dbOf(kind);
    expect(await rejection(db.executeSql('begin; select 1; select nothing from nowhere; commit'))).toMatchObject({
      code: '42P01',
    });
    expect(await rejection(db.executeSql('select $1::int', ['x']))).toMatchObject({ code: '22P02' });
    expect((await db.executeSql('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('begins and commits in one text, all or nothing', async () => {
    const db = dbOf(kind);
    await db.executeSql('begin; insert into product (id) values (1); insert into product (id) values (2); commit');
    await rejection(
      db.executeSql('begin; insert into product (id) values (3); insert into product (id) values (1); commit'),
    );
    expect(await server.products()).toEqual([1, 2]);
  });
});

describe.each(['the ambient pool', 'a client of the ambient pool'] as const)(
  'in a transaction, pg-boss on %s',
  (kind) => {
    let boss: PgBoss;
    class Undo extends Error {}
    beforeEach(async () => {
      database = server.open({ max: 2 });
      pool = poolOf(kind);
      boss = await start(dbOf(kind));
      await boss.createQueue('mail', { retryLimit: 0 });
    });
    const queued = async (): Promise<unknown[]> =>
      (await server.sql<{ data: unknown }>(`select data from ${schema}.job order by created_on, data`)).map(
        ({ data }) => data,
      );

    it('sends with the commit', async () => {
      await database.transaction(async () => {
        await insert(database, 1);
        await boss.send('mail', { product: 1 });
        await boss.insert('mail', [{ data: { product: 2 } }]);
        expect(await queued()).toEqual([]);
      });
      expect(await queued()).toEqual([{ product: 1 }, { product: 2 }]);
    });

    it('sends nothing with a rollback, of the whole or of a nested scope', async () => {
      await rejection(
        database.transaction(async () => {
          await boss.send('mail', { product: 1 });
          throw new Undo();
        }),
      );
      await database.transaction(async () => {
        await boss.send('mail', { product: 2 });
        const nested = database.transaction(
          async () => {
            await boss.send('mail', { product: 3 });
            throw new Undo();
          },
          { propagation: 'NESTED' },
        );
        expect(await rejection(nested)).toBeInstanceOf(Undo);
      });
      expect(await queued()).toEqual([{ product: 2 }]);
    });

    it('fetches and completes with the effects of the job', async () => {
      const id = await boss.send('mail', { product: 1 });
      const handle = async (fails: boolean): Promise<void> => {
        await database.transaction(async () => {
          const [job] = await boss.fetch<{ product: number }>('mail');
          await insert(database, job?.data.product ?? 0);
          await boss.complete('mail', job?.id ?? '');
          if (fails) throw new Undo();
        });
      };
      expect(await rejection(handle(true))).toBeInstanceOf(Undo);
      expect(await stateOf(boss, id)).toBe('created');
      await handle(false);
      expect(await stateOf(boss, id)).toBe('completed');
      expect(await server.products()).toEqual([1]);
    });

    it('refuses by name what begins and commits a transaction of its own, and is usable afterwards', async () => {
      const error = await rejection(database.transaction(() => boss.createQueue('other')));
      expect(error).toMatchObject({ code: 'TRANSACTION_CONTROL' });
      await database.transaction(async () => {
        expect(await rejection(boss.createQueue('other'))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
        // What is not sent fails nothing.
        await boss.send('mail', { product: 1 });
        await database.transaction(() => boss.createQueue('other'), { propagation: 'NOT_SUPPORTED' });
      });
      expect(await queued()).toEqual([{ product: 1 }]);
      expect(await boss.getQueue('other')).toMatchObject({ name: 'other' });
    });

    it('works with handlers that open transactions, which commit or roll back alone', async () => {
      const [good, bad] = [await boss.send('mail', { product: 1 }), await boss.send('mail', { product: 2 })];
      const seen: unknown[] = [];
      await boss.work<{ product: number }>('mail', { pollingIntervalSeconds: 0.5, batchSize: 1 }, async ([job]) => {
        seen.push(database.current.inTransaction);
        await database.transaction(async () => {
          await insert(database, job?.data.product ?? 0);
          await boss.createQueue('after').catch((error: Error & { code?: string }) => seen.push(error.code));
          if (job?.data.product === 2) throw new Undo('sold out');
        });
      });
      await until(
        'both have ended',
        async () => (await stateOf(boss, good)) === 'completed' && (await stateOf(boss, bad)) === 'failed',
      );
      expect(await server.products()).toEqual([1]);
      expect(seen).toEqual([false, 'TRANSACTION_CONTROL', false, 'TRANSACTION_CONTROL']);
    });

    it('works although it was told to in a transaction, if that is detached', async () => {
      const ids: (string | null)[] = [];
      await database.transaction(async () => {
        await insert(database, 1);
        database.detached(() =>
          boss.work('mail', { pollingIntervalSeconds: 0.5 }, async () => await insert(database, 2)),
        );
        ids.push(await boss.send('mail', {}));
      });
      await until('it has ended', async () => (await stateOf(boss, ids[0] ?? null)) === 'completed');
      expect(await server.products()).toEqual([1, 2]);
    });

    it('sends over the handle of a library that is bound', async () => {
      const handles = {
        knex: createKnex(database),
        kysely: bindKysely(
          new Kysely<object>({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }),
          database,
        ),
        drizzle: bindDrizzle(drizzle(ambientPool(database)), database),
      };
      closing.push(
        () => handles.knex.destroy(),
        () => handles.kysely.destroy(),
      );
      const send = (db: BossDb, product: number): Promise<unknown> => boss.send('mail', { product }, { db });
      const run = async (fails: boolean, first: number): Promise<void> => {
        await database.transaction(async () => {
          await handles.knex.transaction(async (trx) => await send(fromKnex(trx), first));
          await handles.kysely.transaction().execute((trx) => send(fromKysely(trx as never), first + 1));
          await handles.drizzle.transaction((tx) => send(fromDrizzle(tx as never, sql as never), first + 2));
          expect(await queued()).toEqual([]);
          if (fails) throw new Undo();
        });
      };
      expect(await rejection(run(true, 1))).toBeInstanceOf(Undo);
      await run(false, 4);
      expect(await queued()).toEqual([{ product: 4 }, { product: 5 }, { product: 6 }]);
    });

    it('takes jobs of others at a pool of one, in a transaction that one of its own is nested in', async () => {
      await boss.stop({ graceful: false, close: false });
      database = server.open({ max: 1 });
      pool = ambientPool(database);
      const narrow = await start(dbOf(kind));
      await database.transaction(async () => {
        await narrow.send('mail', { product: 1 });
        await database.transaction(
          async () => {
            await narrow.send('mail', { product: 2 });
          },
          { propagation: 'REQUIRES_NEW' },
        );
        expect(await queued()).toEqual([{ product: 2 }]);
      });
      const jobs = await narrow.fetch('mail', { batchSize: 5, includeMetadata: true });
      expect(jobs.map(({ data }) => data)).toEqual(expect.arrayContaining([{ product: 1 }, { product: 2 }]));
      expect(jobs).toHaveLength(2);
    });
  },
);
