// What is SQLite's own; what all engines have in common is in test/behaviour.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import type { Step } from '../../src/driver/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import {
  ChainDeadlockError,
  createDatabase,
  type Database,
  ImplicitCommitError,
  TransactionControlError,
} from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, signal } from '../support/settled.ts';

const server = useTestDatabase(
  'create table line (id integer primary key, product int references product (id) deferrable initially deferred)',
);
const requiresNew = { propagation: 'REQUIRES_NEW' } as const;
const folder = mkdtempSync(join(tmpdir(), 'sluice-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function inMemory(): Promise<Database<'default'>> {
  const database = createDatabase({ clients: { default: sqlite() } });
  await database.current.query('create table product (id int primary key, stock int not null default 0)');
  return database;
}
const idsIn = async (database: Database<'default'>): Promise<unknown[]> =>
  (await database.current.query('select id from product order by id')).rows.map(({ id }) => id);

describe('the one writer', () => {
  it.each(['file', 'memory'])(
    'a write beside the transaction that waits for it is refused at once: %s',
    async (where) => {
      const database = where === 'file' ? server.open() : await inMemory();
      const refused: Awaited<ReturnType<typeof rejection>>[] = [];
      const start = performance.now();
      await database.transaction(
        async () => {
          await insert(database, 1);
          refused.push(await rejection(database.transaction(() => insert(database, 2), requiresNew)));
          refused.push(await rejection(database.switchDbIsolate(() => insert(database, 3))));
          refused.push(
            await rejection(database.transaction(() => insert(database, 4), { propagation: 'NOT_SUPPORTED' })),
          );
        },
        { name: 'checkout' },
      );
      // Far below the 100 ms after which locks are looked at, three times over, and the 5 s of busyTimeout.
      expect(performance.now() - start).toBeLessThan(3_000);
      for (const error of refused) {
        expect(error).toBeInstanceOf(ChainDeadlockError);
        expect(error).toMatchObject({ code: 'CHAIN_DEADLOCK', relation: 'the database' });
        expect(error['ancestor']).toMatchObject({ transaction: 'checkout', level: 0 });
      }
      expect(await idsIn(database)).toEqual([1]);
      await database.close();
    },
  );

  it('a read beside it sees what was committed; in memory it is refused like a write', async () => {
    const database = server.open();
    const memory = await inMemory();
    const count = (of: Database<'default'>): Promise<unknown[]> => of.switchDbIsolate(() => idsIn(of));
    await database.transaction(async () => {
      await insert(database, 1);
      expect(await count(database)).toEqual([]);
    });
    await memory.transaction(async () => {
      await insert(memory, 1);
      expect(await rejection(count(memory))).toBeInstanceOf(ChainDeadlockError);
    });
    await memory.close();
  });

  it('is free as long as the outer transaction has sent nothing, or only reads', async () => {
    const database = server.open();
    await database.transaction(() => database.transaction(() => insert(database, 1), requiresNew));
    await database.transaction(
      async () => {
        expect(await idsIn(database)).toEqual([1]);
        await database.transaction(() => insert(database, 2), requiresNew);
        // Its snapshot is older.
        expect(await idsIn(database)).toEqual([1]);
      },
      { readOnly: true },
    );
    expect(await server.products()).toEqual([1, 2]);
  });

  it('is waited for when another process has it, without keeping the event loop', async () => {
    const database = server.open();
    const holder = promisify(execFile)(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { DatabaseSync } from 'node:sqlite';
       const database = new DatabaseSync(${JSON.stringify(server.url)}, { timeout: 5000 });
       database.exec('begin immediate; insert into product (id) values (7)');
       console.log('locked');
       await new Promise((resolve) => setTimeout(resolve, 300));
       database.exec('commit');`,
    ]);
    await new Promise((resolve) => holder.child.stdout?.once('data', resolve));
    let turns = 0;
    const counter = setInterval(() => (turns += 1), 5);
    await database.transaction(() => insert(database, 8));
    clearInterval(counter);
    await holder;
    expect(await server.products()).toEqual([7, 8]);
    expect(turns).toBeGreaterThan(5);
  });

  it('that stays away is an error after busyTimeout, which retry repeats', async () => {
    const file = server.url;
    const database = createDatabase({ clients: { default: sqlite({ file, busyTimeout: 20 }) } });
    const other = server.open();
    const [locked, release] = [signal(), signal()];
    const holder = other.transaction(async () => {
      await insert(other, 1);
      locked.fire();
      await release.promise;
    });
    await locked.promise;
    let attempts = 0;
    await database.transaction(
      async () => {
        attempts += 1;
        if (attempts === 3) release.fire();
        if (attempts === 3) await holder;
        await insert(database, 2);
      },
      { retry: { attempts: 3, delay: 1 } },
    );
    expect(attempts).toBe(3);
    expect(await server.products()).toEqual([1, 2]);
    await database.close();
  });

  it('a wait for it ends with the transaction’s timeout or signal', async () => {
    const [database, other] = [server.open(), server.open()];
    const [locked, release] = [signal(), signal()];
    const holder = other.transaction(async () => {
      await insert(other, 1);
      locked.fire();
      await release.promise;
    });
    await locked.promise;
    const waiting = database.transaction(() => insert(database, 2), { timeout: 50 });
    expect(await rejection(waiting)).toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
    release.fire();
    await holder;
    await insert(database, 3);
    expect(await server.products()).toEqual([1, 3]);
  });

  it('100 transactions at once, from two databases of the process, all end', async () => {
    const both = [server.open(), server.open()];
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const database = both[index % 2] ?? server.open();
        await database.transaction(async () => {
          await insert(database, index);
          await new Promise((resolve) => setImmediate(resolve));
          await insert(database, index + 1_000);
        });
      }),
    );
    expect(await server.products()).toHaveLength(200);
  });
});

describe('the event loop', () => {
  it('gets its turn between statements', async () => {
    const database = await inMemory();
    let turns = 0;
    const counter = setInterval(() => (turns += 1), 1);
    const until = performance.now() + 300;
    for (let id = 0; performance.now() < until; id += 1) await insert(database, id);
    clearInterval(counter);
    expect(turns).toBeGreaterThan(20);
    await database.close();
  });
});

describe('failures', () => {
  it('a COMMIT that is refused rolls back', async () => {
    const database = server.open();
    const error = await rejection(
      database.transaction(() => database.current.query('insert into line (product) values (99)')),
    );
    expect(error).toMatchObject({ errcode: 787 });
    await insert(database, 1);
    expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 1 });
  });

  it('a statement that rolls the whole transaction back ends it', async () => {
    const database = server.open();
    await insert(database, 1);
    const late: Error[] = [];
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 2);
        await rejection(database.current.query('insert or rollback into product (id) values (1)'));
        late.push(await rejection(insert(database, 3)));
      }),
    );
    expect(error).toMatchObject({ code: 'UNEXPECTED_ROLLBACK', cause: { errcode: 1555 } });
    expect(late[0]).toMatchObject({ code: 'TRANSACTION_ENDED' });
    expect(await server.products()).toEqual([1]);
  });

  it.each([
    ['a folder', () => folder],
    ['a folder that is not there', () => join(folder, 'none', 'x.db')],
    ['a file that is no database', () => junk()],
  ])('%s is a clear error', async (_name, file) => {
    const database = createDatabase({ clients: { default: sqlite({ file: file() }) } });
    const error = await rejection(database.current.query('select 1'));
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', cause: { code: 'ERR_SQLITE_ERROR' } });
    expect(error.message).toContain('SQLite in ');
    await database.close();
  });

  it.each(['vacuum', "attach ':memory:' as other"])(
    '%s is refused in a transaction, and runs outside',
    async (text) => {
      const database = server.open();
      await database.transaction(async () => {
        await insert(database, 1);
        expect(await rejection(database.current.query(text))).toBeInstanceOf(ImplicitCommitError);
      });
      await database.current.query(text);
    },
  );

  it.each(['begin', 'commit', 'savepoint x', 'pragma query_only = 0', 'pragma journal_mode = delete'])(
    '%s is refused everywhere',
    async (text) => {
      expect(await rejection(server.open().current.query(text))).toBeInstanceOf(TransactionControlError);
    },
  );
});

describe('a connection that is closed', () => {
  const read: Step = { type: 'statement', statement: { text: 'select 1' } };
  const begin: Step = { type: 'begin', characteristics: { isolation: undefined, readOnly: false } };

  it.each([
    { what: 'a statement', steps: [read] as readonly Step[] },
    { what: 'a transaction that waits for the writer', steps: [begin] },
  ])('is lost to $what', async ({ steps }) => {
    const { driver } = sqlite({ file: join(folder, 'closed.db') });
    const { signal: never } = new AbortController();
    const [connection, writer] = await Promise.all([driver.connect(never), driver.connect(never)]);
    try {
      await connection.run([read]);
      await writer.run([begin]);
      const blocked = Promise.withResolvers<void>();
      // What has had the event loop for long gives it to others before it runs.
      await new Promise((resolve) => setTimeout(resolve, 5));
      const waiting = connection.run(steps);
      connection.onBlocked?.(blocked.resolve);
      if (steps[0]?.type === 'begin') await blocked.promise;
      await connection.destroy();
      const failure = { kind: 'connectionLost', reached: 'unsent', error: { message: 'the connection was closed' } };
      expect(await waiting).toMatchObject({ completed: 0, failure });
    } finally {
      await writer.destroy();
    }
  });
});

describe('statements', () => {
  it('take their values as ? or as $1, in any order and more than once', async () => {
    const { current } = server.open();
    expect((await current.query('select ? as a, ? as b', [1, 'x'])).rows).toEqual([{ a: 1, b: 'x' }]);
    const again = await current.query("select $2 as a, $1 as b, $2 as c, '$1 ?' as d -- $3", ['x', 'y']);
    expect(again.rows).toEqual([{ a: 'y', b: 'x', c: 'y', d: '$1 ?' }]);
    for (const values of [[], [1, 2]]) {
      expect(await rejection(current.query('select $1 as a', values))).toMatchObject({ code: 'INVALID_OPTION' });
    }
  });

  it('give back what was stored, exact, and the key that was made', async () => {
    const { current } = server.open();
    const values = [
      "O'Brien",
      1.5,
      true,
      null,
      undefined,
      new Date(0),
      { a: 1 },
      9_007_199_254_740_993n,
      Buffer.from([0, 255]),
    ];
    const { rows } = await current.query(
      'select $1 as a, $2 as b, $3 as c, $4 as d, $5 as e, $6 as f, $7 as g, $8 as h, $9 as i',
      values,
    );
    expect(rows).toEqual([
      {
        a: "O'Brien",
        b: 1.5,
        c: 1,
        d: null,
        e: null,
        f: '1970-01-01T00:00:00.000Z',
        g: '{"a":1}',
        h: '9007199254740993',
        i: new Uint8Array([0, 255]),
      },
    ]);
    const stored = await current.query('insert into line (product) values (null)');
    expect(stored).toMatchObject({ rowCount: 1, command: 'INSERT', insertId: 1 });
    const returned = await current.query('insert into line (product) values (null) returning id');
    expect(returned).toMatchObject({ rowCount: 1, rows: [{ id: 2 }] });
    await current.query('delete from line');
  });

  it.each([[Symbol('x')], [() => 1], [Number.NaN], [new Date(Number.NaN)]])('refuse the value %s', async (value) => {
    expect(await rejection(server.open().current.query('select $1', [value]))).toMatchObject({
      code: 'INVALID_OPTION',
    });
  });

  it('are one each: SQLite would leave the rest out without a word', async () => {
    const database = server.open();
    const error = await rejection(database.current.query('insert into product (id) values (1); delete from product'));
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect(await server.products()).toEqual([]);
    await database.current.query('create trigger t after insert on line begin select 1; select 2; end');
    await database.current.query('drop trigger t;');
  });

  it('see columns that were added since they were prepared', async () => {
    const { current } = server.open();
    await current.query('create table wide (a int)');
    await current.query('insert into wide values (1)');
    expect((await current.query('select * from wide')).rows).toEqual([{ a: 1 }]);
    await server.sql('alter table wide add column b int default 2');
    expect((await current.query('select * from wide')).rows).toEqual([{ a: 1, b: 2 }]);
    await current.query('drop table wide');
  });

  it('tell of the columns as they are, whatever was changed since they were prepared', async () => {
    const { current } = server.open();
    await current.query('create table altered (a int)');
    const columns = async (): Promise<string[]> =>
      (await current.query('select * from altered')).fields.map(({ name }) => name);
    for (const filled of [false, true]) {
      if (filled) await current.query('insert into altered values (1)');
      expect(await columns()).toEqual(['a']);
      await server.sql('alter table altered add column b int');
      expect(await columns()).toEqual(['a', 'b']);
      await server.sql('alter table altered rename column b to c');
      expect(await columns()).toEqual(['a', 'c']);
      await server.sql('alter table altered drop column c');
      expect(await columns()).toEqual(['a']);
    }
    await current.query('drop table altered');
  });
});

describe('a database in memory', () => {
  it('lives as long as its definition, whatever becomes of its connections', async () => {
    const client = sqlite({ idleTimeout: 1 });
    const first = createDatabase({ clients: { default: client } });
    await first.current.query('create table product (id int)');
    await insert(first, 1);
    await first.close();
    const second = createDatabase({ clients: { default: client } });
    expect(await idsIn(second)).toEqual([1]);
    await second.close();
  });

  it('is nobody else’s', async () => {
    const [one, other] = [await inMemory(), await inMemory()];
    await insert(one, 1);
    expect(await idsIn(other)).toEqual([]);
    await Promise.all([one.close(), other.close()]);
  });
});

describe('options', () => {
  it.each([
    [{ max: 2 }, /max.*one writer/],
    [{ file: '' }, /file/],
    [{ file: 'a\0b' }, /file/],
    [{ busyTimeout: -1 }, /busyTimeout/],
    [{ path: 'x' }, /has no option "path"/],
  ])('%j are refused', (options, message) => {
    expect(() => sqlite(options as object)).toThrow(message);
  });
});

function junk(): string {
  const file = join(folder, 'junk.db');
  writeFileSync(file, 'no database at all '.repeat(100));
  return fileURLToPath(new URL(`file://${file}`));
}
