// A COMMIT whose answer is lost with its connection: the server is asked how it ended.
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { postgres, type PostgresOptions } from '../../src/drivers/postgres/index.ts';
import {
  CommitUnknownError,
  ConnectionLostError,
  createDatabase,
  type Database,
  type Outcome,
} from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';
import { startWireProxy, type WireProxy } from '../support/wire-proxy.ts';

const server = useTestDatabase();
let proxy: WireProxy;
const opened: Database<'default'>[] = [];

function open(options: PostgresOptions = {}): Database<'default'> {
  const client = postgres({ connectionString: proxy.url, max: 2, resolveCommit: true, ...options });
  const database = createDatabase({ clients: { default: client } });
  opened.push(database);
  return database;
}

beforeAll(async () => {
  proxy = await startWireProxy(server.url);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close({ timeout: 1_000 })));
});
afterAll(() => proxy.close());

/** The server gets the text, or does not; its client never gets an answer. */
const afterwards = (text: string): void => proxy.cutAfter(text);
const before = (text: string): void => proxy.cutBefore(text);

/** What its hooks and its caller have heard of a transaction. */
interface Heard {
  readonly runs: number;
  readonly hooks: readonly string[];
  readonly error: unknown;
}

/** Inserts a product in a transaction whose connection is cut when COMMIT is sent. */
async function cutAtCommit(
  database: Database<'default'>,
  id: number,
  cut: (text: string) => void,
  attempts: number,
  body: () => Promise<void> = async () => {},
): Promise<Heard> {
  const hooks: string[] = [];
  let runs = 0;
  const running = database.transaction(
    async () => {
      runs += 1;
      database.current.afterCommit(() => void hooks.push('commit'));
      database.current.afterRollback(() => void hooks.push('rollback'));
      database.current.afterCompletion((outcome: Outcome) => void hooks.push(outcome));
      await insert(database, id);
      await body();
      if (runs === 1) cut('COMMIT');
    },
    { retry: { attempts, delay: 1 } },
  );
  const error = await running.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { runs, hooks, error };
}

describe('a COMMIT whose connection is lost', () => {
  it('is known: of 400, half of which the server has got', { timeout: 240_000 }, async () => {
    const database = open();
    const stock = createCache<string, number>(database, { name: 'stock' });
    const wrong: unknown[] = [];
    for (let id = 0; id < 400; id += 1) {
      const reached = id % 2 === 0;
      const retries = id % 4 < 2;
      const cut = reached ? afterwards : before;
      await stock.set('before', id);
      const heard = await cutAtCommit(database, id, cut, retries ? 2 : 1, () => stock.set('after', id));
      const isThere = (await server.sql('select 1 from product where id = $1', [id])).length === 1;
      const committed = reached || retries;
      const expected = {
        runs: !reached && retries ? 2 : 1,
        hooks: [...(!reached ? ['rollback', 'rolledBack'] : []), ...(committed ? ['commit', 'committed'] : [])],
        error: committed ? undefined : 'lost',
        isThere: committed,
        cached: committed ? 'after' : undefined,
      };
      const got = {
        ...heard,
        error: heard.error instanceof ConnectionLostError && heard.error.retryable ? 'lost' : heard.error,
        isThere,
        cached: await stock.get(id),
      };
      if (!isDeepStrictEqual(got, expected)) wrong.push({ id, got, expected });
    }
    expect(wrong).toEqual([]);
    expect(await server.products()).toHaveLength(300);
  });

  it('is known although the server has not heard that its client is gone', async () => {
    const database = open();
    const silently = (text: string): void => proxy.cutBefore(text, { silently: true });
    const heard = await cutAtCommit(database, 1, silently, 1);
    expect(heard.error).toBeInstanceOf(ConnectionLostError);
    expect(heard.hooks).toEqual(['rollback', 'rolledBack']);
    expect(await server.products()).toEqual([]);
  });

  it('is unknown when the server stays away for longer than a connection is waited for', async () => {
    const database = open({ acquireTimeout: 2_000 });
    const answers = (): Promise<boolean> =>
      database.query('select 1').then(
        () => true,
        () => false,
      );
    await until('the server has answered', answers);
    let admit = (): void => {};
    const heard = await cutAtCommit(database, 1, afterwards, 3, () => {
      admit = proxy.refuse();
      return Promise.resolve();
    });
    admit();
    expect(heard.error).toBeInstanceOf(CommitUnknownError);
    expect(heard.hooks).toEqual(['unknown']);
    expect(heard.runs).toBe(1);
    await until('it is committed', async () => (await server.products()).length === 1);
  });

  it('is known once the server is back', async () => {
    const database = open();
    const heard = await cutAtCommit(database, 1, afterwards, 1, () => {
      const admit = proxy.refuse();
      setTimeout(admit, 500);
      return Promise.resolve();
    });
    expect(heard).toMatchObject({ hooks: ['commit', 'committed'], error: undefined });
  });

  it('is unknown where the server has crashed since, after which it may give ids again', async () => {
    const database = open();
    // What a crash does to the statistics.
    const heard = await cutAtCommit(database, 1, afterwards, 1, async () => {
      await server.sql(`select pg_stat_reset_shared('bgwriter')`);
    });
    expect(heard.error).toBeInstanceOf(CommitUnknownError);
  });

  it('is unknown where it travels with the last statement, whose id nobody was told', async () => {
    const database = open();
    const error = await rejection(
      database.transaction(async () => {
        proxy.cutAfter('COMMIT');
        await database.current.query('insert into product (id) values (1)', [], { last: true });
      }),
    );
    expect(error).toBeInstanceOf(CommitUnknownError);
  });

  it('is unknown by default', async () => {
    const database = open({ resolveCommit: false });
    expect((await cutAtCommit(database, 1, before, 1)).error).toBeInstanceOf(CommitUnknownError);
  });
});

describe('the mark of a transaction', () => {
  it('costs no round trip, and rides once: behind the first statement that may write', async () => {
    const database = open({ max: 1 });
    await database.query('select 1');
    proxy.takeRoundTrips();
    proxy.takeWrites();
    const asked = (): Promise<unknown[]> =>
      server.sql(
        `select 1 from pg_stat_activity where datname = current_database() and query like 'select pg_current_xact_id%'`,
      );
    await database.transaction(async () => {
      await database.query('set local work_mem = 65536');
      await database.query('select id from product');
      expect(await asked()).toEqual([]);
      await insert(database, 1);
      expect(await asked()).toHaveLength(1);
      await insert(database, 2);
      expect(await asked()).toEqual([]);
    });
    expect([proxy.takeRoundTrips(), proxy.takeWrites()]).toEqual([5, 5]);
    expect(await server.products()).toEqual([1, 2]);
  });
});
