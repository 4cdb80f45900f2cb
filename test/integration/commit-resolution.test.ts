// A COMMIT whose answer is lost with its connection: the server is asked how it ended.
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import {
  CommitTableError,
  createCommitTable,
  postgres,
  type PostgresOptions,
} from '../../src/drivers/postgres/index.ts';
import {
  AnswerLostError,
  CommitUnknownError,
  ConnectionLostError,
  createDatabase,
  type Database,
  type Outcome,
  statement,
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
  it('inside of another transaction is looked up without a wait for a foreign server', async () => {
    const client = postgres({ connectionString: proxy.url, max: 2, resolveCommit: true });
    const database = createDatabase({ clients: { default: client }, foreignWaits: 'error' });
    opened.push(database);
    await database.transaction(async () => {
      await insert(database, 1);
      const inside = async (): Promise<void> => {
        await insert(database, 2);
        afterwards('COMMIT');
      };
      await database.transaction(inside, { propagation: 'REQUIRES_NEW' });
    });
    expect(await server.products()).toEqual([1, 2]);
  });

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
    await until('it is committed', async () => (await server.products()).length === 1);
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
    await until('it is committed', async () => (await server.products()).length === 1);
  });

  it('is unknown by default', async () => {
    const database = open({ resolveCommit: false });
    expect((await cutAtCommit(database, 1, before, 1)).error).toBeInstanceOf(CommitUnknownError);
  });
});

describe('a COMMIT that travels with its statements', () => {
  const kinds = ['batch', 'last', 'lone'] as const;
  type Kind = (typeof kinds)[number];
  const text = 'insert into product (id) values ($1) returning id';

  beforeAll(async () => {
    const maker = open();
    await createCommitTable(maker.current);
    await maker.close();
  });

  async function send(database: Database<'default'>, kind: Kind, id: number, attempts: number): Promise<unknown> {
    const retry = { attempts, delay: 1 };
    if (kind === 'lone') return (await database.query(text, [id])).rows;
    if (kind === 'batch') return (await database.batch([statement(text, [id])], { retry }))[0].rows;
    return (await database.transaction(() => database.query(text, [id], { last: true }), { retry })).rows;
  }

  it('is known: of 120, half of which the server has got', { timeout: 120_000 }, async () => {
    const database = open({ resolveCommit: 'rows' });
    const wrong: unknown[] = [];
    for (let index = 0; index < 120; index += 1) {
      const kind = kinds[index % 3] ?? 'lone';
      const id = 770_000 + index;
      const reached = index % 2 === 0;
      const retries = kind !== 'lone' && index % 4 < 2;
      (reached ? afterwards : before)(String(id));
      const got = await send(database, kind, id, retries ? 2 : 1).catch((error: unknown) => error);
      const isThere = (await server.sql('select 1 from product where id = $1', [id])).length === 1;
      const isRight = reached
        ? isThere && rootOf(got) instanceof AnswerLostError
        : retries
          ? isThere && isDeepStrictEqual(got, [{ id }])
          : !isThere && got instanceof ConnectionLostError && got.retryable;
      if (!isRight) wrong.push({ kind, id, reached, retries, isThere, got });
    }
    expect(wrong).toEqual([]);
  });

  it('is known where the server is still at the statement, and hooks hear of it', async () => {
    const database = open({ resolveCommit: 'rows' });
    const slow = 'insert into product (id) select $1 from pg_sleep(0.4)';
    afterwards('770001');
    expect(await rejection(database.query(slow, [770_001]))).toBeInstanceOf(AnswerLostError);
    const hooks: string[] = [];
    afterwards('770002');
    const error = await rejection(
      database.transaction(async () => {
        database.current.afterCompletion((outcome: Outcome) => void hooks.push(outcome));
        await database.query(slow, [770_002], { last: true });
      }),
    );
    expect(error).toMatchObject({ code: 'AFTER_COMMIT', cause: { code: 'ANSWER_LOST' } });
    expect(hooks).toEqual(['committed']);
    expect(await server.products()).toEqual([770_001, 770_002]);
  });

  it('is known although the server has not heard that its client is gone', async () => {
    const database = open({ resolveCommit: 'rows' });
    proxy.cutBefore('770001', { silently: true });
    expect(await rejection(database.query(text, [770_001]))).toMatchObject({
      code: 'CONNECTION_LOST',
      retryable: true,
    });
    expect(await server.products()).toEqual([]);
  });

  it('costs no round trip, and marks nothing that only reads', async () => {
    const database = open({ resolveCommit: 'rows', max: 1 });
    await send(database, 'last', 1, 1);
    await until('nothing is cleaned', async () => (await server.connections()) === 1);
    await server.sql('truncate sluice_commit');
    proxy.takeRoundTrips();
    for (const [index, kind] of kinds.entries()) await send(database, kind, index + 2, 1);
    await database.query('with one as (select 1 as id) select id from one');
    await database.query('select id from product', [], { last: true });
    expect(proxy.takeRoundTrips()).toBe(5);
    expect(await server.sql('select id from sluice_commit')).toHaveLength(3);
  });

  it('loses marks that are older than an hour', async () => {
    await server.sql(`insert into sluice_commit (id, at)
      select gen_random_uuid(), now() - interval '61 minutes' from generate_series(1, 20000)`);
    await send(open({ resolveCommit: 'rows' }), 'lone', 1, 1);
    const count = async (): Promise<number> =>
      (await server.sql(`select 1 from sluice_commit where at < now() - interval '1 hour'`)).length;
    await until('they are deleted', async () => (await count()) === 0);
  });

  it('is refused with what is missing: the table, or rights on it', async () => {
    const role = `sluice_writer_${process.pid}`;
    await server.sql('drop table sluice_commit');
    const database = open({ resolveCommit: 'rows' });
    for (const kind of kinds) {
      const error = await rejection(send(database, kind, 1, 1));
      expect(error).toBeInstanceOf(CommitTableError);
      expect(String(error)).toMatch(/"default".*createCommitTable\(db\)/s);
    }
    await createCommitTable(database.current);
    await server.sql(`create role ${role} login password 'pw'`);
    try {
      await server.sql(`grant insert on product, sluice_commit to ${role}`);
      const url = new URL(proxy.url);
      [url.username, url.password] = [role, 'pw'];
      const writer = open({ resolveCommit: 'rows', connectionString: url.href });
      await writer.query('select 1');
      afterwards('770001');
      const error = await rejection(writer.query('insert into product (id) values ($1)', [770_001]));
      expect(error).toMatchObject({ code: 'CONNECTION_LOST', retryable: false, cause: { code: 'COMMIT_TABLE' } });
      expect(String(error['cause'])).toContain('Grant the user SELECT');
    } finally {
      await server.sql(`drop owned by ${role}`);
      await server.sql(`drop role ${role}`);
    }
  });
});

describe('a COMMIT of a transaction that only reads', () => {
  it('has nothing to lose: it is rolled back, and may be repeated', async () => {
    const database = open({ resolveCommit: false });
    const outcomes: Outcome[] = [];
    const readOnly = (attempts: number): Promise<unknown> => {
      let runs = 0;
      const body = async (): Promise<unknown> => {
        database.current.afterCompletion((outcome: Outcome) => void outcomes.push(outcome));
        const { rows } = await database.query('select id from product');
        if ((runs += 1) === 1) afterwards('COMMIT');
        return rows;
      };
      return database.transaction(body, { readOnly: true, retry: { attempts, delay: 1 } });
    };
    expect(await rejection(readOnly(1))).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
    expect(await readOnly(2)).toEqual([]);
    expect(outcomes).toEqual(['rolledBack', 'rolledBack', 'committed']);
  });
});

/** What an error comes from. */
function rootOf(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof AnswerLostError ? cause : error;
}

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
