// The COMMIT of an idempotent call whose connection is lost: its key says how it ended.
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCommitTable, mysql } from '../../src/drivers/mysql/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { type ClientDefinition, createDatabase, type Database } from '../../src/index.ts';
import {
  createIdempotencyTables,
  idempotent,
  type IdempotentAnswer,
  type IdempotentOptions,
} from '../../src/ports/idempotency/index.ts';
import { insert } from '../support/database.ts';
import type { Engine } from '../support/engines/engine.ts';
import { mariadbEngine } from '../support/engines/mariadb.ts';
import { postgresEngine } from '../support/engines/postgres.ts';
import { describeWith } from '../support/servers.ts';
import { rejection, until } from '../support/settled.ts';
import { mysqlCommit, startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

interface Kit {
  readonly engine: Engine;
  /** Has one connection, so that the look-up has to do without another one. */
  readonly client: (url: string, resolveCommit: boolean) => ClientDefinition;
  /** What a COMMIT has on the wire, and nothing else. */
  readonly commit: string;
  /** Gives a row for each statement that waits for the key. */
  readonly waiting: string;
}

/** Another process does not wait for the transaction in which a test calls it. */
const outside = AsyncLocalStorage.snapshot();

type Options = Partial<IdempotentOptions<'default'>>;
const order: IdempotentOptions<'default'> = { key: 'one', scope: 'order', fingerprint: 'a product' };

function describeLost({ engine, client, commit, waiting }: Kit): void {
  const server = engine.server();
  const opened: Database<'default'>[] = [];
  let proxy: TcpProxy;

  function open({ url = proxy.url, resolveCommit = false } = {}): Database<'default'> {
    const database = createDatabase({ clients: { default: client(url, resolveCommit) } });
    opened.push(database);
    return database;
  }

  beforeAll(async () => {
    await server.start();
    proxy = await startTcpProxy(server.url);
    const { current } = open({ url: server.url });
    await createIdempotencyTables(current);
    if (engine.name === 'mariadb') await createCommitTable(current);
  });
  afterEach(async () => {
    proxy.refuse(false);
    proxy.goOn();
    await Promise.all(opened.splice(0).map((database) => database.close({ timeout: 1_000 })));
    await server.sql('delete from sluice_idempotency');
    await server.empty();
  });
  afterAll(async () => {
    await proxy.close();
    await server.drop();
  });

  /** Inserts a product, and says which and how often it was run. */
  function place(
    at: Database<'default'>,
    id: number,
    options: Options = {},
    body: () => unknown = () => {},
  ): Promise<IdempotentAnswer<{ readonly placed: number; readonly run: number }>> {
    let run = 0;
    return idempotent(at, { ...order, ...options }, async () => {
      run += 1;
      await insert(at, id);
      await body();
      return { placed: id, run };
    });
  }

  const products = async (): Promise<number[]> =>
    (await server.sql('select id from product order by id')).map(({ id }) => Number(id));
  const rows = async (): Promise<number> => (await server.sql('select id from sluice_idempotency')).length;
  const before = (): void => proxy.cutBefore(commit);
  const afterwards = (): void => proxy.cutAfter(commit);
  /** Begins a call of another process, and gives it once it waits for the key. */
  async function waitElsewhere(
    call: (at: Database<'default'>) => Promise<unknown>,
  ): Promise<{ readonly other: Promise<unknown> }> {
    const other = outside(() => call(open({ url: server.url })));
    other.catch(() => {});
    await until('it waits for the key', async () => {
      if (engine.outOfDate > 0) await new Promise((resolve) => setTimeout(resolve, engine.outOfDate));
      return (await server.sql(waiting)).length > 0;
    });
    return { other };
  }

  describe.each([false, true])(`a COMMIT without an answer (${engine.name}, resolveCommit: %s)`, (resolveCommit) => {
    it('that was carried out: the answer is found and given, to all who wait', async () => {
      const database = open({ resolveCommit });
      const outcomes: string[] = [];
      const first = place(database, 1, {}, () => {
        database.current.afterCompletion((outcome) => void outcomes.push(outcome));
        afterwards();
      });
      const second = place(database, 2);
      expect(await first).toEqual({ value: { placed: 1, run: 1 }, isReplayed: false });
      expect(await second).toEqual({ value: { placed: 1, run: 1 }, isReplayed: true });
      expect(outcomes).toEqual([resolveCommit ? 'committed' : 'unknown']);
      expect(await place(open(), 3)).toEqual({ value: { placed: 1, run: 1 }, isReplayed: true });
      expect(await products()).toEqual([1]);
    });

    it('that was rolled back: nothing is stored, and the call may be made again', async () => {
      const database = open({ resolveCommit });
      expect(await rejection(place(database, 1, {}, before))).toMatchObject({
        code: 'CONNECTION_LOST',
        retryable: true,
        clientName: 'default',
      });
      expect([await products(), await rows()]).toEqual([[], 0]);
      expect(await place(database, 2)).toEqual({ value: { placed: 2, run: 1 }, isReplayed: false });
      expect(await products()).toEqual([2]);
    });

    it('that was rolled back: one that waits in this process runs in its place', async () => {
      const database = open({ resolveCommit });
      const first = rejection(place(database, 1, {}, before));
      const second = place(database, 2);
      expect(await first).toMatchObject({ code: 'CONNECTION_LOST' });
      expect(await second).toEqual({ value: { placed: 2, run: 1 }, isReplayed: false });
      expect(await products()).toEqual([2]);
    });

    it('that was rolled back, after which another process has run the request: its answer is given', async () => {
      const database = open({ resolveCommit });
      let other: Promise<unknown> | undefined;
      const first = place(database, 1, { transaction: { retry: { attempts: 2, delay: 1 } } }, async () => {
        ({ other } = await waitElsewhere((at) => place(at, 2)));
        before();
      });
      const besides = place(database, 3);
      const value = { placed: 2, run: 1 };
      expect(await first).toEqual({ value, isReplayed: true });
      expect(await besides).toEqual({ value, isReplayed: true });
      expect(await other).toEqual({ value, isReplayed: false });
      expect(await products()).toEqual([2]);
    });

    it('that was rolled back, after which another process has failed: the call may be made again', async () => {
      const database = open({ resolveCommit });
      let other: Promise<unknown> | undefined;
      const first = place(database, 1, {}, async () => {
        ({ other } = await waitElsewhere((at) => place(at, 2, {}, () => Promise.reject(new Error('sold out')))));
        before();
      });
      expect(await rejection(first)).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
      expect(await rejection(Promise.resolve(other))).toMatchObject({ message: 'sold out' });
      expect([await products(), await rows()]).toEqual([[], 0]);
    });

    it('that was rolled back, after which its key was used for another request: its answer is not given', async () => {
      const database = open({ resolveCommit });
      let other: Promise<unknown> | undefined;
      const first = place(database, 1, {}, async () => {
        ({ other } = await waitElsewhere((at) => place(at, 2, { fingerprint: 'another product' })));
        before();
      });
      expect(await rejection(first)).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
      expect(await other).toMatchObject({ isReplayed: false });
      expect(await rejection(place(database, 1))).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
      expect(await products()).toEqual([2]);
    });

    it.each([
      ['refuses connections', () => proxy.refuse(true)],
      ['accepts connections and says nothing', () => proxy.hold()],
    ] as const)('is unknown where the server %s, within the time', async (_what, goAway) => {
      const database = open({ resolveCommit });
      const begun = performance.now();
      const error = await rejection(
        place(database, 1, { timeout: 400 }, () =>
          database.current.beforeCommit(() => {
            before();
            goAway();
          }),
        ),
      );
      expect(performance.now() - begun).toBeLessThan(5_000);
      expect(error).toMatchObject({
        code: 'IDEMPOTENCY_UNKNOWN',
        retryable: true,
        clientName: 'default',
        message: expect.stringContaining('"order"'),
        remedy: expect.stringContaining('with the same key'),
        cause: { code: 'COMMIT_UNKNOWN' },
      });
      proxy.refuse(false);
      proxy.goOn();
      expect(await place(open(), 2)).toMatchObject({ value: { placed: 2 }, isReplayed: false });
      expect(await products()).toEqual([2]);
    });

    it('is known once the server is back', async () => {
      const database = open({ resolveCommit });
      const first = place(database, 1, {}, () => {
        afterwards();
        proxy.refuse(true);
        setTimeout(() => proxy.refuse(false), 250);
      });
      expect(await first).toEqual({ value: { placed: 1, run: 1 }, isReplayed: false });
      expect(await products()).toEqual([1]);
    });
  });

  describe(`a COMMIT without an answer (${engine.name})`, () => {
    it('is unknown where the server has not heard of the loss, and keeps the transaction', async () => {
      const first = place(open(), 1, { timeout: 400 }, () => proxy.cutBefore(commit, { silently: true }));
      expect(await rejection(first)).toMatchObject({ code: 'IDEMPOTENCY_UNKNOWN', retryable: true });
      await server.kill();
      expect(await place(open(), 2)).toMatchObject({ value: { placed: 2 }, isReplayed: false });
      expect(await products()).toEqual([2]);
    });

    it('is unknown where the key has expired meanwhile, and so would say nothing', async () => {
      const first = place(open(), 1, { ttl: 20 }, async () => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        afterwards();
      });
      expect(await rejection(first)).toMatchObject({ code: 'COMMIT_UNKNOWN', retryable: false });
      expect(await products()).toEqual([1]);
    });

    it('of a transaction that the call has joined is that of its owner', async () => {
      const database = open();
      const outer = database.transaction(async () => {
        expect(await place(database, 1)).toMatchObject({ isReplayed: false });
        afterwards();
      });
      expect(await rejection(outer)).toMatchObject({ code: 'COMMIT_UNKNOWN' });
      expect(await place(database, 2)).toMatchObject({ value: { placed: 1 }, isReplayed: true });
    });
  });
}

await describeWith('MariaDB', 'on MariaDB', () =>
  describeLost({
    engine: mariadbEngine,
    client: (uri, resolveCommit) => mysql({ uri, resolveCommit, max: 1, acquireTimeout: 1_000 }),
    commit: mysqlCommit,
    waiting: `select 1 from information_schema.innodb_trx join information_schema.processlist on trx_mysql_thread_id = id
      where db = database() and trx_state = 'LOCK WAIT' and trx_query like '%sluice_idempotency%'`,
  }),
);

describeLost({
  engine: postgresEngine,
  client: (connectionString, resolveCommit) =>
    postgres({ connectionString, resolveCommit, max: 1, acquireTimeout: 1_000 }),
  commit: 'COMMIT',
  waiting: `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
    and query like '%sluice_idempotency%'`,
});
