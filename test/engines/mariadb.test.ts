// What is MariaDB's own; what all engines have in common is in test/behaviour.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { mysql } from '../../src/drivers/mysql/index.ts';
import {
  afterCommit,
  afterRollback,
  CommitUnknownError,
  ConnectionLostError,
  createDatabase,
  type Database,
  ImplicitCommitError,
  InvalidOptionError,
  type Sql,
  sql,
  statement,
  TransactionControlError,
  TransactionEndedError,
  type TransactionOptions,
  UnexpectedRollbackError,
  UnsupportedServerError,
} from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { silenceOf } from '../support/keep-alive.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const server = useTestDatabase(
  'create table line (id int primary key, product int, foreign key (product) references product (id))',
  `create procedure commits() begin insert into product (id) values (90); commit; insert into product (id) values (91); end`,
  `create procedure halves() begin insert into product (id) values (80); signal sqlstate '45000'; end`,
  `create procedure answers() begin select 1 as one; select 2 as two; end`,
  'create table numbered (id bigint primary key auto_increment, name varchar(100), price decimal(10, 2), at datetime(3), data longtext, bytes blob, yes bool)',
);
const nested = { propagation: 'NESTED' } as const;
/** How the packet of a deadlock begins, a character for each byte; and that of another error. */
const deadlockError = errorWith(1213);
function errorWith(errno: number): string {
  return `\u00ff${String.fromCodePoint(errno & 0xff, errno >> 8)}#40001`;
}
const add = (id: number): Sql => sql`insert into product (id) values (${id})`;
let proxy: TcpProxy;
beforeAll(async () => {
  proxy = await startTcpProxy(server.url);
});
afterAll(() => proxy.close());

/** The round trips of `work` on a connection that has prepared its statements. */
async function trips(work: () => Promise<unknown>): Promise<number> {
  proxy.takeTrips();
  await work();
  return proxy.takeTrips();
}

it.each(['latin1', 'ascii_general_ci', 'BINARY', 'gbk'])('a charset that may make quotes is refused: %s', (charset) => {
  expect(() => mysql({ uri: server.url, charset })).toThrow(InvalidOptionError);
});

describe('round trips', () => {
  const levels: TransactionOptions[] = [
    {},
    { isolationLevel: 'SERIALIZABLE' },
    { isolationLevel: 'SNAPSHOT' },
    { readOnly: true },
  ];

  it.each(levels)('n statements take n + 1, with %j too', async (options) => {
    const database = server.open({ connectionString: proxy.url, max: 1 });
    await database.current.query('select 1');
    for (const count of [1, 2, 5]) {
      const taken = await trips(() =>
        database.transaction(async () => {
          for (let index = 0; index < count; index += 1) {
            await database.current.query('select id from product where id = $1', [index]);
          }
        }, options),
      );
      expect(taken).toBe(count + 1);
    }
  });

  it('a transaction that runs no statement takes none', async () => {
    const database = server.open({ connectionString: proxy.url, max: 1 });
    expect(await trips(() => database.transaction(async () => {}))).toBe(0);
  });

  it('a statement by itself takes one, the first time as well', async () => {
    const database = server.open({ connectionString: proxy.url, max: 1 });
    await database.current.query('select 1');
    for (const id of [1, 2]) expect(await trips(() => insert(database, id))).toBe(1);
    expect(await server.products()).toEqual([1, 2]);
  });

  it('a single statement that is marked as the last takes one with its COMMIT; several, and batches, two', async () => {
    const database = server.open({ connectionString: proxy.url, max: 1 });
    await database.current.query('select 1');
    const last = { last: true };
    expect(await trips(() => database.transaction(() => database.current.query(add(1), last)))).toBe(1);
    expect(await trips(() => database.current.batch([add(2), add(3), add(4)]))).toBe(2);
    const two = (): Promise<unknown> =>
      database.transaction(async () => {
        await insert(database, 5);
        await database.current.query(add(6), last);
      });
    expect(await trips(two)).toBe(3);
    expect(await server.products()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('a NESTED scope takes none of its own, a rolled back one a single one', async () => {
    const database = server.open({ connectionString: proxy.url, max: 1 });
    await database.current.query('select 1');
    const taken = await trips(() =>
      database.transaction(async () => {
        await insert(database, 1);
        await database.transaction(() => insert(database, 2), nested);
        await insert(database, 3);
      }),
    );
    expect(taken).toBe(4);
    const rolledBack = await trips(() =>
      database.transaction(async () => {
        await insert(database, 4);
        await rejection(
          database.transaction(async () => {
            await insert(database, 5);
            throw new Error('declined');
          }, nested),
        );
      }),
    );
    expect(rolledBack).toBe(4);
    expect(await server.products()).toEqual([1, 2, 3, 4]);
  });
});

describe('what is sent together', () => {
  it('a batch of which one statement fails leaves nothing, also of those after it', async () => {
    const database = server.open({ max: 1 });
    const error = await rejection(database.current.batch([add(1), add(1), add(2)]));
    expect(error).toMatchObject({ code: 'ER_DUP_ENTRY' });
    expect(await server.products()).toEqual([]);
    await insert(database, 3);
    expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 1 });
  });

  it('a single last statement that fails is rolled back, and compensated', async () => {
    const database = server.open({ max: 1 });
    await insert(database, 1);
    const seen: string[] = [];
    const error = await rejection(
      database.transaction(async () => {
        afterCommit(() => seen.push('commit'));
        afterRollback(() => seen.push('compensate'));
        await database.current.query(add(1), { last: true });
      }),
    );
    expect(error).toMatchObject({ code: 'ER_DUP_ENTRY' });
    expect(seen).toEqual(['compensate']);
  });

  it('a procedure that fails half way is rolled back as a whole, though it was the last statement', async () => {
    const database = server.open({ max: 1 });
    const calling = database.transaction(() => database.current.query('call halves()', [], { last: true }));
    expect(await rejection(calling)).toMatchObject({ errno: 1644 });
    expect(await server.products()).toEqual([]);
  });

  it('a statement that cannot be prepared fails alone', async () => {
    const database = server.open({ max: 1 });
    await database.transaction(async () => {
      await insert(database, 1);
      expect(await rejection(database.current.query('selec $1', [1]))).toMatchObject({ code: 'ER_PARSE_ERROR' });
      await insert(database, 2);
    });
    expect(await rejection(database.current.query('selec $1', [1]))).toMatchObject({ code: 'ER_PARSE_ERROR' });
    expect(await server.products()).toEqual([1, 2]);
  });
});

describe('failures', () => {
  it('a failed statement is undone alone, and its transaction goes on', async () => {
    const database = server.open();
    await database.transaction(async () => {
      await insert(database, 1);
      await rejection(insert(database, 1));
      await insert(database, 2);
    });
    expect(await server.products()).toEqual([1, 2]);
  });

  it.each([
    ['a deadlock', 1213, 'the transaction'],
    ['a deadlock', 1213, 'a NESTED scope'],
    ['a lock table that is full', 1206, 'a NESTED scope'],
  ])('%s (%i) in %s ends the whole transaction: what comes after it is not run', async (_what, errno, where) => {
    // The server ends both in one way, and millions of locks are too many for a test: its error gets the other number.
    const [deadlock, ended] = [deadlockError, errorWith(errno)];
    proxy.replace(deadlock, ended);
    onTestFinished(() => proxy.replace(ended, deadlock));
    const database = server.open({ connectionString: proxy.url, max: 2 });
    await database.current.batch([add(1), add(2)]);
    const both = signal();
    let holding = 0;
    const late: Error[] = [];
    const touch = (first: number, second: number): Promise<void> =>
      database.transaction(async () => {
        const work = async (): Promise<void> => {
          await database.current.query('update product set stock = stock + 1 where id = $1', [first]);
          holding += 1;
          if (holding === 2) both.fire();
          await both.promise;
          await database.current.query('update product set stock = stock + 1 where id = $1', [second]);
        };
        try {
          await (where === 'a NESTED scope' ? database.transaction(work, nested) : work());
        } catch {
          late.push(await rejection(insert(database, 50)));
        }
      });
    const settled = await Promise.allSettled([touch(1, 2), touch(2, 1)]);
    // The swallowed failure is told to who opened the transaction.
    expect(settled.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'UNEXPECTED_ROLLBACK', cause: { errno } },
    });
    expect(late).toHaveLength(1);
    expect(late[0]).toBeInstanceOf(TransactionEndedError);
    expect(late[0]?.cause).toMatchObject({ errno });
    expect(await server.sql('select id, stock from product order by id')).toEqual([
      { id: 1, stock: 1 },
      { id: 2, stock: 1 },
    ]);
    expect(database.stats().clients.default.used).toBe(0);
  });

  it('a snapshot that meets a newer row (1020) ends the transaction, and retry repeats it', async () => {
    const database = server.open();
    await insert(database, 1);
    let attempts = 0;
    await database.transaction(
      async () => {
        attempts += 1;
        await database.current.query('select stock from product where id = 1');
        if (attempts === 1) await server.sql('update product set stock = stock + 1 where id = 1');
        await database.current.query('update product set stock = stock + 1 where id = 1');
      },
      { isolationLevel: 'SNAPSHOT', retry: { attempts: 2, delay: 1 } },
    );
    expect(attempts).toBe(2);
    expect(await server.sql('select stock from product')).toEqual([{ stock: 2 }]);
  });

  it.each([false, true])(
    'a wait for a lock that the server gives up (1205) rolls back, retried: %s',
    async (lockTimeouts) => {
      const database = server.open({ max: 2 });
      await insert(database, 1);
      const [locked, release] = [signal(), signal()];
      const holder = database.transaction(async () => {
        await database.current.query('update product set stock = 5 where id = 1');
        locked.fire();
        await release.promise;
      });
      await locked.promise;
      let attempts = 0;
      const waiter = database.transaction(
        async () => {
          attempts += 1;
          if (attempts === 2) release.fire();
          if (attempts === 2) await holder;
          await insert(database, 10 + attempts);
          await database.current.query('set session innodb_lock_wait_timeout = 1');
          await database.current.query('update product set stock = stock + 1 where id = 1').catch((error: unknown) => {
            // Swallowed or not: the transaction is for rollback alone.
            if (!lockTimeouts) return;
            throw error;
          });
        },
        { retry: { attempts: 2, delay: 1, lockTimeouts } },
      );
      if (lockTimeouts) {
        await waiter;
        expect(await server.products()).toEqual([1, 12]);
      } else {
        const error = await rejection(waiter);
        expect(error).toBeInstanceOf(UnexpectedRollbackError);
        expect(error.cause).toMatchObject({ errno: 1205 });
        release.fire();
        await holder;
        expect(await server.products()).toEqual([1]);
        expect(attempts).toBe(1);
      }
    },
  );

  it('a procedure that commits is found out, and nothing follows it', async () => {
    const database = server.open({ max: 1 });
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await database.current.query('call commits()');
        await insert(database, 2);
      }),
    );
    // Its caller is told at once, though the procedure has gone on in a transaction of its own.
    expect(error).toBeInstanceOf(TransactionControlError);
    expect(await server.products()).toEqual([1, 90]);
    await insert(database, 3);
  });

  it('a connection lost during COMMIT: unknown, and not repeated', async () => {
    const database = server.open({ connectionString: proxy.url });
    let runs = 0;
    const error = await rejection(
      database.transaction(
        async () => {
          runs += 1;
          await insert(database, 1);
          proxy.cutAfter('COMMIT');
        },
        { retry: { attempts: 3 } },
      ),
    );
    expect(error).toBeInstanceOf(CommitUnknownError);
    expect(runs).toBe(1);
    await until('it is committed', async () => (await server.products()).length === 1);
  });

  it('a connection lost at the first statement fails it, and the pool goes on', async () => {
    const database = server.open({ connectionString: proxy.url, max: 1 });
    // It has lain nowhere idle: one that has is replaced.
    proxy.cutAfter('insert into product');
    const error = await rejection(database.transaction(() => insert(database, 1)));
    expect(error).toBeInstanceOf(ConnectionLostError);
    await insert(database, 2);
    expect(await server.products()).toEqual([2]);
  });

  it('errors hold no values', async () => {
    const database = server.open({ max: 1 });
    await database.current.query('insert into numbered (id, name) values ($1, $2)', [1, 'first']);
    const error = await rejection(
      database.current.query('insert into numbered (id, name) values ($1, $2)', [1, 'hunter2']),
    );
    expect(JSON.stringify(error) + String(error.stack)).not.toContain('hunter2');
    await database.current.query('delete from numbered');
  });
});

describe('implicit commits', () => {
  it.each([
    'create table other (id int)',
    'CREATE OR REPLACE TABLE other (id int)',
    'alter table product add column x int',
    '-- harmless\n drop table product',
    'drop table product',
    'truncate product',
    'truncate table product',
    'rename table product to other',
    'lock tables product write',
    'flush tables',
    'analyze table product',
    'optimize table product',
    'grant all on *.* to nobody',
    'create user nobody',
    "set password = password('x')",
    '/*!50000 drop */ table product',
    '/*M! truncate */ product',
    '# comment\ncreate index x on product (name)',
  ])('%s is refused before it is sent', async (text) => {
    const database = server.open({ max: 1 });
    await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        expect(await rejection(database.current.query(text))).toBeInstanceOf(ImplicitCommitError);
        throw new Error('declined');
      }),
    );
    expect(await server.products()).toEqual([]);
  });

  it.each([
    'begin',
    'start transaction',
    'commit',
    'rollback',
    'savepoint x',
    'set autocommit = 1',
    'SET @@session.autocommit=1',
    'set transaction read only',
    'xa start "x"',
    "set sql_mode = ''",
    'set @a = 1, autocommit = 1',
    '/*! commit */',
  ])('%s is refused everywhere', async (text) => {
    const database = server.open({ max: 1 });
    expect(await rejection(database.current.query(text))).toBeInstanceOf(TransactionControlError);
  });

  it('temporary tables, and DDL outside of a transaction, are none', async () => {
    const database = server.open({ max: 1 });
    await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        await database.current.query('create temporary table scratch (id int)');
        await database.current.query('drop temporary table scratch');
        throw new Error('declined');
      }),
    );
    expect(await server.products()).toEqual([]);
    await database.current.query('create table other (id int)');
    await database.current.query('drop table other');
  });
});

describe('statements', () => {
  it('take their values as ? or as $1, in any order and more than once', async () => {
    const { current } = server.open({ max: 1 });
    expect((await current.query('select ? as a, ? as b', [1, 'x'])).rows).toEqual([{ a: 1, b: 'x' }]);
    const again = await current.query("select $2 as a, $1 as b, $2 as c, '$1 ?' as d -- $3", ['x', 'y']);
    expect(again.rows).toEqual([{ a: 'y', b: 'x', c: 'y', d: '$1 ?' }]);
    for (const values of [[], [1, 2]]) {
      const error = await rejection(current.query('select $1 as a', values.length === 0 ? undefined : values));
      expect(error['code']).toBe(values.length === 0 ? 'ER_BAD_FIELD_ERROR' : 'INVALID_OPTION');
    }
  });

  it('give back what was stored, and the key that was made', async () => {
    const { current } = server.open({ max: 1 });
    const at = new Date('2026-01-02T03:04:05.678Z');
    const stored = await current.query(
      'insert into numbered (name, price, at, data, bytes, yes) values ($1, $2, $3, $4, $5, $6)',
      ['O\'Brien \\ " `', 12.5, at, { list: [1, 2] }, Buffer.from([0, 255]), true],
    );
    expect(stored).toMatchObject({ rowCount: 1, command: 'INSERT', insertId: expect.any(Number) as number });
    const { rows, fields, rowCount, command } = await current.query('select * from numbered where id = $1', [
      stored.insertId,
    ]);
    expect(rows).toEqual([
      {
        id: stored.insertId,
        name: 'O\'Brien \\ " `',
        price: '12.50',
        at,
        data: '{"list":[1,2]}',
        bytes: Buffer.from([0, 255]),
        yes: 1,
      },
    ]);
    expect({ rowCount, command, names: fields.map(({ name }) => name) }).toEqual({
      rowCount: 1,
      command: 'SELECT',
      names: ['id', 'name', 'price', 'at', 'data', 'bytes', 'yes'],
    });
    await current.query('delete from numbered');
  });

  it('keep big numbers exact, as text', async () => {
    const { current } = server.open({ max: 1 });
    const { rows } = await current.query('select cast($1 as unsigned) as big, 7 as small', [9_007_199_254_740_993n]);
    expect(rows).toEqual([{ big: '9007199254740993', small: 7 }]);
  });

  it.each([[Symbol('x')], [() => 1], [Number.NaN], [new Date(Number.NaN)]])(
    'refuse the value %s before anything is sent',
    async (value) => {
      const database = server.open({ max: 1 });
      await database.transaction(async () => {
        expect(await rejection(database.current.query('select $1 as a', [value]))).toMatchObject({
          code: 'INVALID_OPTION',
        });
        await insert(database, 1);
      });
    },
  );

  it('count the rows that they matched, changed or not', async () => {
    const { current } = server.open({ max: 1 });
    await current.batch([add(1), add(2)]);
    expect((await current.query('update product set stock = 0')).rowCount).toBe(2);
  });

  it('of a procedure with several answers: the first', async () => {
    const { current } = server.open({ max: 1 });
    expect((await current.query('call answers()')).rows).toEqual([{ one: 1 }]);
  });

  it('of more different texts than are kept prepared all work', async () => {
    const database = server.open({ max: 1 });
    const texts = Array.from({ length: 300 }, (_, index) => statement(`select $1 as c${index}`, [index]));
    const results = await database.current.batch(texts);
    expect(results.map(({ rows }) => Object.values(rows[0] ?? {})[0])).toEqual(texts.map((_, index) => index));
    for (const text of texts.slice(0, 20)) await database.current.query(text);
  });

  it.each([
    { change: 'int to bigint', before: 'int', after: 'bigint', first: 1, second: 5_000_000_000, stored: 5_000_000_000 },
    { change: 'int to varchar', before: 'int', after: 'varchar(20)', first: 1, second: '007', stored: '007' },
    {
      change: 'varchar to json',
      before: 'varchar(20)',
      after: 'json',
      first: '{}',
      second: '{"a":1}',
      stored: { a: 1 },
    },
    {
      change: 'an enum',
      before: "enum('red')",
      after: "enum('blue', 'red')",
      first: 'red',
      second: 'blue',
      stored: 'blue',
    },
  ])(
    'prepared before the type of a column has changed work: $change',
    async ({ before, after, first, second, stored }) => {
      const database = server.open({ max: 1, maxLevel: 0 });
      await server.sql(`create or replace table migrated (value ${before})`);
      const store = (value: unknown): Promise<unknown> =>
        database.transaction(async () => {
          await database.current.query('select 1');
          await database.current.query('insert into migrated (value) values ($1)', [value]);
          const { rows } = await database.current.query('select * from migrated where value = $1', [value]);
          return rows;
        });
      for (let turn = 0; turn < 3; turn += 1) await store(first);
      await server.sql('truncate migrated');
      await server.sql(`alter table migrated modify value ${after}, add name varchar(20)`);
      expect(await store(second)).toEqual([{ value: stored, name: null }]);
      await server.sql('drop table migrated');
    },
  );

  it('are one each: a second one in a text is refused by the server', async () => {
    const database = server.open({ max: 1 });
    await insert(database, 1);
    expect(await rejection(database.current.query('delete from product; select 1'))).toMatchObject({ errno: 1064 });
    expect(await server.products()).toEqual([1]);
  });
});

describe('an isolation that the server gives by default', () => {
  it.each([
    ['REPEATABLE READ', undefined],
    ['READ COMMITTED', undefined],
    ['SERIALIZABLE', 'INCOMPATIBLE_TRANSACTION'],
  ] as const)('is given within a transaction before any connection was opened: %s', async (isolationLevel, code) => {
    const database = server.open();
    const inner = (): Promise<void> => database.transaction(() => insert(database, 1), { ...nested, isolationLevel });
    const outcome = await database.transaction(() =>
      inner().then(
        () => undefined,
        (error: { code?: unknown }) => error.code,
      ),
    );
    expect(outcome).toBe(code);
    expect(await server.products()).toEqual(code === undefined ? [1] : []);
  });
});

describe('a server that cannot be used', () => {
  const isUnsupported = { code: 'CONNECT_FAILED', cause: expect.any(UnsupportedServerError) as Error };

  it('is too old', async () => {
    const old = await startTcpProxy(server.url);
    old.replace('-10.11.', '-10.05.');
    const database = createDatabase({ clients: { default: mysql({ uri: old.url, max: 1 }) } });
    const error = await rejection(database.current.query('select 1'));
    expect(error).toMatchObject(isUnsupported);
    expect((error.cause as Error).message).toMatch(/MariaDB 10\.5\.\d+.*MariaDB 10\.6 or newer/);
    await database.close();
    await old.close();
  });

  it('has sessions in which a backslash is none', async () => {
    const strange = await startTcpProxy(server.url);
    strange.replace('STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO', 'NO_BACKSLASH_ESCAPES,ERROR_FOR_DIVISION_BY_ZER');
    const database = createDatabase({ clients: { default: mysql({ uri: strange.url, max: 1 }) } });
    const error = await rejection(database.current.query('select 1'));
    expect(error).toMatchObject(isUnsupported);
    expect((error.cause as Error).message).toContain('NO_BACKSLASH_ESCAPES');
    await database.close();
    await strange.close();
  });
});

describe('options', () => {
  it.each([
    [{ charset: 'gbk' }, /charset.*utf8mb4/],
    [{ charset: 'sjis_japanese_ci' }, /charset/],
    [{ uri: 'postgres://localhost/x' }, /uri/],
    [{ uri: 'mysql://u:hunter2@:bad:/' }, /uri/],
    [{ uri: 'mysql://localhost/x?multipleStatements=true' }, /uri.*without a query/],
    [{ timezone: 'Europe/Rome' }, /timezone.*offset/],
    [{ preparedStatements: 0 }, /preparedStatements/],
    [{ multipleStatements: true }, /has no option/],
  ])('%j are refused', (options, message) => {
    const make = (): unknown => mysql(options as object);
    expect(make).toThrow(message);
    expect(make).not.toThrow(/hunter2/);
  });
});

describe('connections', () => {
  it('a password function is asked for each that is opened, those for cancelling and for looking at locks included', async () => {
    const user = await server.limitedUser(20);
    const url = new URL(user.url);
    const { password: present } = url;
    url.password = '';
    let asked = 0;
    const password = async (): Promise<string> => {
      asked += 1;
      return await Promise.resolve(present);
    };
    const database = createDatabase({ clients: { default: mysql({ uri: url.href, password }) } });
    await insert(database, 1);
    expect(asked).toBe(1);
    const stopped = database.transaction(() => database.current.query('select sleep(60)'), { timeout: 200 });
    expect(await rejection(stopped)).toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
    // For KILL; the statement ran on the connection that was there.
    expect(asked).toBe(2);
    await server.sql(`grant process on *.* to ${url.username}`);
    const change = (): Promise<unknown> => database.current.query('update product set stock = stock + 1');
    asked = 0;
    const deadlock = await rejection(
      database.transaction(async () => {
        await change();
        await database.transaction(change, { propagation: 'REQUIRES_NEW' });
      }),
    );
    expect(deadlock).toMatchObject({ code: 'CHAIN_DEADLOCK' });
    expect(asked).toBeGreaterThanOrEqual(2);
    await database.close();
    await user.drop();
  });

  it.runIf(process.platform === 'linux')('have keep-alive on, after half a minute of silence', async () => {
    const database = server.open();
    const { rows } = await database.current.query<{ host: string }>(
      'select host from information_schema.processlist where id = connection_id()',
    );
    const port = Number(rows[0]?.host.split(':').at(-1));
    await until('the kernel waits for silence', () => silenceOf(port) !== undefined);
    expect(silenceOf(port)).toBeLessThanOrEqual(30);
  });
});

describe('a server that is made read-only', () => {
  // As the server says it itself; to make it read-only would be felt by all who use it.
  const refusal = (number: number, text: string): string =>
    `signal sqlstate 'HY000' set mysql_errno = ${number}, message_text = '${text}'`;
  const refusals = [
    refusal(1290, 'The MariaDB server is running with the --read-only option so it cannot execute this statement'),
    refusal(1836, 'Running in read-only mode'),
  ];
  const idOf = async (database: Database): Promise<unknown> =>
    (await database.current.query('select connection_id() as id')).rows[0]?.['id'];

  it.each(refusals)('loses all connections that it had, and is tried again by retry: %s', async (statement) => {
    const database = server.open();
    await Promise.all([1, 2, 3].map(() => database.current.query('select sleep(0.05)')));
    await until('three are there', () => database.stats().clients.default.idle === 3);
    const before = await idOf(database);
    let attempts = 0;
    const attempt = async (): Promise<void> => {
      attempts += 1;
      if (attempts === 1) await database.current.query(statement);
      else await insert(database, 1);
    };
    await database.transaction(attempt, { retry: { attempts: 2, delay: 1 } });
    expect(attempts).toBe(2);
    expect(await idOf(database)).not.toBe(before);
    await until('the others are gone', () => database.stats().clients.default.closing === 0);
    expect(database.stats().clients.default.idle).toBe(1);
  });

  it('is told from other options that are in the way, and from transactions that are to be read-only', async () => {
    const database = server.open();
    const before = await idOf(database);
    const other = refusal(1290, 'The MariaDB server is running with the --secure-file-priv option');
    expect(await rejection(database.current.query(other))).toMatchObject({ errno: 1290 });
    expect(await rejection(database.transaction(() => insert(database, 1), { readOnly: true }))).toMatchObject({
      errno: 1792,
    });
    expect(await idOf(database)).toBe(before);
  });
});
