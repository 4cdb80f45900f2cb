// A COMMIT whose answer is lost with its connection: a row that the transaction has written says how it ended.
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { CommitTableError, createCommitTable, mysql, type MysqlOptions } from '../../src/drivers/mysql/index.ts';
import {
  CommitUnknownError,
  ConnectionLostError,
  createDatabase,
  type Database,
  type Outcome,
  statement,
} from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';
import { mysqlCommit, startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const server = useTestDatabase();
let proxy: TcpProxy;
const opened: Database<'default'>[] = [];

function open(options: MysqlOptions = {}): Database<'default'> {
  const client = mysql({ uri: proxy.url, max: 2, resolveCommit: true, ...options });
  const database = createDatabase({ clients: { default: client } });
  opened.push(database);
  return database;
}

beforeAll(async () => {
  proxy = await startTcpProxy(server.url);
  const maker = open({ uri: server.url });
  await createCommitTable(maker.current);
  await maker.close();
});
afterEach(async () => {
  proxy.refuse(false);
  proxy.goOn();
  await Promise.all(opened.splice(0).map((database) => database.close({ timeout: 1_000 })));
});
afterAll(() => proxy.close());

/** The server gets the COMMIT, or does not; its client never gets an answer. */
const afterwards = (): void => proxy.cutAfter(mysqlCommit);
const before = (): void => proxy.cutBefore(mysqlCommit);
const silently = (): void => proxy.cutBefore(mysqlCommit, { silently: true });

/** What its hooks and its caller have learned of a transaction. */
interface Learned {
  readonly runs: number;
  readonly hooks: readonly string[];
  readonly error: unknown;
}

/** Inserts a product in a transaction whose connection is cut when COMMIT is sent. */
async function cutAtCommit(
  database: Database<'default'>,
  id: number,
  cut: () => void,
  attempts = 1,
  body: () => Promise<void> = async () => {},
): Promise<Learned> {
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
      if (runs === 1) cut();
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
      await stock.set('before', id);
      const learned = await cutAtCommit(database, id, reached ? afterwards : before, retries ? 2 : 1, () =>
        stock.set('after', id),
      );
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
        ...learned,
        error: learned.error instanceof ConnectionLostError && learned.error.retryable ? 'lost' : learned.error,
        isThere,
        cached: await stock.get(id),
      };
      if (!isDeepStrictEqual(got, expected)) wrong.push({ id, got, expected });
    }
    expect(wrong).toEqual([]);
    expect(await server.products()).toHaveLength(300);
  });

  it('is known although the transaction is still in progress, since the server has not noticed the loss', async () => {
    const learned = await cutAtCommit(open(), 1, silently);
    expect(learned.error).toBeInstanceOf(ConnectionLostError);
    expect(learned.hooks).toEqual(['rollback', 'rolledBack']);
    expect(await server.products()).toEqual([]);
  });

  it('is unknown when the server stays away for longer than a connection is waited for', async () => {
    const database = open({ acquireTimeout: 1_000 });
    await until('the server has answered', async () => (await database.query('select 1')).rows.length === 1);
    const began = performance.now();
    const learned = await cutAtCommit(database, 1, afterwards, 3, async () => proxy.refuse(true));
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(learned).toMatchObject({ hooks: ['unknown'], runs: 1 });
    expect(learned.error).toBeInstanceOf(CommitUnknownError);
    await until('it is committed', async () => (await server.products()).length === 1);
  });

  it('is unknown when a server accepts connections and says nothing', async () => {
    const database = open({ acquireTimeout: 1_000 });
    await until('the server has answered', async () => (await database.query('select 1')).rows.length === 1);
    const learned = await cutAtCommit(database, 1, before, 3, async () => proxy.hold());
    expect(learned.error).toBeInstanceOf(CommitUnknownError);
    expect(learned.runs).toBe(1);
  });

  it('is known once the server is back', async () => {
    const learned = await cutAtCommit(open(), 1, afterwards, 1, async () => {
      proxy.refuse(true);
      setTimeout(() => proxy.refuse(false), 500);
    });
    expect(learned).toMatchObject({ hooks: ['commit', 'committed'], error: undefined });
  });

  it.each([
    ['after', afterwards, 'committed'],
    ['before', before, 'unknown'],
  ] as const)('on another server is known where its row is alone: cut %s the COMMIT', async (_when, cut, outcome) => {
    const [row] = await server.sql<{ name: string }>(`select concat_ws(' ', @@hostname, @@port) as name`);
    const name = String(row?.name);
    const learned = await cutAtCommit(open(), 1, cut, 1, async () =>
      proxy.replace(`${name} `, `${'x'.repeat(name.length)} `),
    );
    proxy.replace(`${'x'.repeat(name.length)} `, `${name} `);
    expect(learned.hooks.at(-1)).toBe(outcome);
  });

  it.each(['last', 'batch'])('is known where it follows a %s', async (kind) => {
    const database = open();
    const text = 'insert into product (id) values ($1)';
    const sendAnd = async (cut: () => void, id: number): Promise<unknown> => {
      await database.query('select 1');
      cut();
      if (kind === 'batch') return await database.batch([statement(text, [id]), statement(text, [id + 1])]);
      return await database.transaction(() => database.query(text, [id], { last: true }));
    };
    expect(await sendAnd(afterwards, 1)).toBeDefined();
    expect(await rejection(sendAnd(before, 5))).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
    expect(await server.products()).toEqual(kind === 'batch' ? [1, 2] : [1]);
  });

  it('is unknown, with the reason, where the user may not read the table', async () => {
    const name = new URL(server.url).pathname.slice(1);
    const user = `writer_${process.pid}`;
    await server.sql(`create user ${user}@'%' identified by 'pw'`);
    try {
      await server.sql(`grant insert on ${name}.sluice_commit to ${user}@'%'`);
      await server.sql(`grant insert, select on ${name}.product to ${user}@'%'`);
      const uri = new URL(proxy.url);
      [uri.username, uri.password] = [user, 'pw'];
      const { error } = await cutAtCommit(open({ uri: uri.href }), 1, afterwards);
      expect(error).toMatchObject({ code: 'COMMIT_UNKNOWN', cause: { code: 'COMMIT_TABLE' } });
      expect(String((error as Error).cause)).toContain('Grant the user SELECT');
    } finally {
      await server.sql(`drop user ${user}@'%'`);
    }
  });

  it('of a transaction that only reads has nothing to lose', async () => {
    const database = open({ resolveCommit: false });
    const running = database.transaction(
      async () => {
        await database.query('select id from product');
        afterwards();
      },
      { readOnly: true },
    );
    expect(await rejection(running)).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
  });

  it('is unknown by default', async () => {
    expect((await cutAtCommit(open({ resolveCommit: false }), 2, before)).error).toBeInstanceOf(CommitUnknownError);
  });
});

/** Runs a transaction of a client whose connection is open and whose table was cleaned, and counts its trips. */
async function tripsOf(
  options: MysqlOptions,
  body: (database: Database<'default'>) => Promise<unknown>,
): Promise<number> {
  const database = open({ max: 1, ...options });
  await database.transaction(() => database.query('delete from product where id = -1'));
  await until('nothing is cleaned', async () => (await server.connections()) === 1);
  proxy.takeTrips();
  await database.transaction(() => body(database));
  const trips = proxy.takeTrips();
  await database.close();
  return trips;
}

const rows = (): Promise<unknown[]> => server.sql('select id from sluice_commit');

describe('the mark of a transaction', () => {
  it('costs no round trip, and is written once: with the first statement that may write', async () => {
    const body = async (database: Database<'default'>): Promise<void> => {
      await database.query('select id from product');
      await insert(database, 1);
      await database.query('delete from product where id = $1', [1]);
    };
    const before = (await rows()).length;
    expect(await tripsOf({}, body)).toBe(4);
    expect(await rows()).toHaveLength(before + 2);
    expect(await tripsOf({ resolveCommit: false }, body)).toBe(4);
    expect(await tripsOf({}, (database) => insert(database, 1))).toBe(2);
  });

  it('is not written by what only reads', async () => {
    const database = open();
    const before = (await rows()).length;
    await database.transaction(async () => {
      await database.query('select id from product for update');
      await database.query(`with one as (select 1 as id) select id from one`);
    });
    expect(await rows()).toHaveLength(before);
  });

  it('stays where the statement failed that it went along with', async () => {
    const database = open();
    await insert(database, 1);
    const learned = await cutAtCommit(database, 2, afterwards, 1, async () => {});
    expect(learned.error).toBeUndefined();
    const error = await rejection(
      database.transaction(async () => {
        await rejection(insert(database, 1));
        before();
      }),
    );
    expect(error).toBeInstanceOf(ConnectionLostError);
  });

  it.each(['the first statement', 'a later one'])(
    'is written anew where a rollback to a savepoint undid it: %s',
    async (which) => {
      const database = open();
      for (const cut of [afterwards, before]) {
        const running = database.transaction(async () => {
          if (which === 'a later one') await database.query('select id from product');
          const nested = database.transaction(
            async () => {
              if (which === 'a later one') await database.query('select id from product');
              await insert(database, 1);
              throw new Error('undo');
            },
            { propagation: 'NESTED' },
          );
          await rejection(nested);
          await insert(database, 2);
          cut();
        });
        const error = await running.then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (cut === afterwards) expect(error).toBeUndefined();
        else expect(error).toBeInstanceOf(ConnectionLostError);
        expect(await server.products()).toEqual(cut === afterwards ? [2] : []);
        await server.sql('delete from product');
      }
    },
  );

  it('is forgotten with the savepoint that it was written behind: then the outcome is unknown', async () => {
    const database = open();
    const running = database.transaction(async () => {
      await database.query('insert into product (id) values (1) returning id');
      const nested = database.transaction(
        async () => {
          await database.query('select id from product');
          await insert(database, 2);
          throw new Error('undo');
        },
        { propagation: 'NESTED' },
      );
      await rejection(nested);
      afterwards();
    });
    expect(await running.then(() => 'committed')).toBe('committed');
    const unmarked = database.transaction(async () => {
      const nested = database.transaction(
        async () => {
          await database.query('select id from product');
          await insert(database, 3);
          throw new Error('undo');
        },
        { propagation: 'NESTED' },
      );
      await rejection(nested);
      afterwards();
    });
    expect(await rejection(unmarked)).toBeInstanceOf(CommitUnknownError);
  });

  it('does not wait for others, nor they for it', async () => {
    const database = open({ max: 10 });
    await Promise.all(
      Array.from({ length: 50 }, (_, id) => database.transaction(() => insert(database, id), { timeout: 5_000 })),
    );
    expect(await server.products()).toHaveLength(50);
  });
});

describe('the table of marks', () => {
  it('is named with the call that makes it where it is missing, and all is rolled back', async () => {
    const other = useName();
    await server.sql(`create database ${other}`);
    await server.sql(`create table ${other}.product (id int primary key) engine = innodb`);
    const uri = new URL(server.url);
    uri.pathname = `/${other}`;
    const database = open({ uri: uri.href });
    const caught: unknown[] = [];
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1).catch((reason: unknown) => caught.push(reason));
        await insert(database, 2).catch((reason: unknown) => caught.push(reason));
      }),
    );
    expect(caught[0]).toBeInstanceOf(CommitTableError);
    expect(String(caught[0])).toMatch(/"default".*createCommitTable\(db\)/s);
    expect(caught[0]).toMatchObject({ code: 'COMMIT_TABLE', clientName: 'default', level: 0 });
    expect(error['cause']).toBe(caught[0]);
    const nested = database.transaction(async () => {
      await database.query('select id from product');
      await rejection(database.transaction(() => insert(database, 3), { propagation: 'NESTED' }));
    });
    expect((await rejection(nested))['cause']).toBeInstanceOf(CommitTableError);
    expect(await server.sql(`select id from ${other}.product`)).toEqual([]);
    await createCommitTable(database.current);
    await database.transaction(() => insert(database, 1));
    expect(await server.sql(`select id from ${other}.product`)).toEqual([{ id: 1 }]);
    await database.close();
    await server.sql(`drop database ${other}`);
  });

  it('loses the rows that are older than an hour', async () => {
    await server.sql('delete from sluice_commit');
    await server.sql('insert into sluice_commit (id, at) select seq, unix_timestamp() - 3700 from seq_1_to_2500');
    await server.sql('insert into sluice_commit (id, at) select seq, unix_timestamp() - 3500 from seq_5001_to_5010');
    const database = open();
    await database.transaction(() => insert(database, 1));
    await until('they are deleted', async () => (await rows()).length === 11);
  });

  it('is made on MySQL and MariaDB alone', async () => {
    const { sqlite } = await import('../../src/drivers/sqlite/index.ts');
    const other = createDatabase({ clients: { default: sqlite() } });
    expect(String(await rejection(createCommitTable(other.current)))).toContain('which is on sqlite');
    await other.close();
  });

  it('marks nothing in a transaction that only reads: a refused write is undone alone, a temporary table takes one', async () => {
    const database = open({ max: 1 });
    await database.query('create temporary table scratch (id int)');
    const readOnly = { readOnly: true };
    const refused = await database.transaction(async () => {
      await database.query('insert into scratch values (1)');
      const error = await rejection(insert(database, 1));
      await database.query('insert into scratch values (2)');
      return error;
    }, readOnly);
    expect(refused).toMatchObject({ errno: 1792 });
    expect((await database.query('select id from scratch')).rows).toEqual([{ id: 1 }, { id: 2 }]);
  });
});

function useName(): string {
  return `${new URL(server.url).pathname.slice(1)}_other`;
}
