import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import pg from 'pg';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import { describe, expect, it } from 'vitest';
import {
  channelNames,
  type ConnectionLeakEvent,
  createDatabase,
  type Database,
  type StatementTrace,
  traceNames,
} from '../../src/index.ts';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { keepReleased } from '../support/released-suite.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const insertText = 'insert into product (id) values ($1)';

function open(max = 2): { database: Database<'default'>; pool: pg.Pool } {
  const database = server.open({ max });
  return { database, pool: ambientPool(database) };
}
const used = (database: Database<'default'>): number => database.stats().clients.default.used;

it('a client that was given back holds nothing of its transaction', async () => {
  const { database, pool } = open();
  await keepReleased(database, () => pool.connect());
});

it('BEGIN, COMMIT and ROLLBACK of a client are statements for those who trace', async () => {
  const { pool } = open();
  const seen: unknown[] = [];
  const note = (event: unknown): void => void seen.push((event as StatementTrace).kind);
  const ends = `tracing:${traceNames.statement}:asyncEnd`;
  subscribe(ends, note);
  const client = await pool.connect();
  for (const text of ['begin', 'select 1', 'commit', 'BEGIN', 'rollback']) await client.query(text);
  client.release();
  unsubscribe(ends, note);
  expect(seen).toEqual(['BEGIN', 'SELECT', 'COMMIT', 'BEGIN', 'ROLLBACK']);
});

describe('values that no database has', () => {
  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a list with a function', [() => 1]],
  ])('%s: is refused by the pool and by its clients, in a transaction or not', async (_name, value) => {
    const { database, pool } = open();
    const send = async (): Promise<void> => {
      expect(await rejection(pool.query(insertText, [value]))).toMatchObject({ code: 'INVALID_OPTION' });
      const client = await pool.connect();
      expect(await rejection(client.query(insertText, [value]))).toMatchObject({ code: 'INVALID_OPTION' });
      await client.query('select 1');
      client.release();
    };
    await send();
    await database.transaction(send);
    expect(await server.products()).toEqual([]);
  });
});

describe('columns that are named as what objects have', () => {
  const names = ['__proto__', 'constructor', 'toString'];
  const text = `select ${names.map((name, at) => `${at} as "${name}"`).join(', ')}`;

  it('are columns in every form of a query, in a transaction or not', async () => {
    const { database, pool } = open();
    const look = async (): Promise<void> => {
      const client = await pool.connect();
      const rows = [
        (await pool.query(text)).rows[0],
        (await pool.query(`${text} where 1 = $1`, [1])).rows[0],
        (await client.query({ name: 'odd', text })).rows[0],
      ] as object[];
      const cursor = client.query(new Cursor(text));
      rows.push((await cursor.read(1))[0] as object);
      await cursor.close();
      for await (const row of client.query(new QueryStream(text))) rows.push(row as object);
      client.release();
      expect(rows).toHaveLength(5);
      for (const row of rows) {
        expect(Object.entries(row)).toEqual(names.map((name, at) => [name, at]));
        expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
      }
    };
    await look();
    await database.transaction(async () => {
      await insert(database, 1);
      await look();
    });
  });
});

describe('an ambient pool outside of a transaction', () => {
  it('answers as a pool of pg, in all forms of its calls', async () => {
    const { pool } = open();
    const own = new pg.Pool({ connectionString: server.url, max: 1 });
    const text = `select $1::int as number, null as nothing, 'x' as text, timestamptz '2026-01-01' as at`;
    const calls: ((on: pg.Pool) => Promise<unknown>)[] = [
      (on) => on.query(text, [1]),
      (on) => on.query({ text, values: [2] }),
      (on) => on.query({ text, values: [1], rowMode: 'array' }),
      (on) => on.query({ name: 'a name', text, values: [3] }),
      (on) => on.query({ text }, [4] as never),
      (on) => on.query('create temporary table if not exists empty (a int)'),
      (on) => on.query('delete from product where id < 0'),
      (on) => on.query('select 1 as a; select 2 as b, 3 as c;'),
      (on) => on.query(''),
      (on) => on.query({ text: 'select $1::json as json', values: [{ a: 1 }] }),
      (on) =>
        on.query({ text: 'select 1::int8 as big', types: { getTypeParser: () => (value: string) => `<${value}>` } }),
      (on) =>
        new Promise((resolve, reject) =>
          on.query(text, [5], (error, result) => (error ? reject(error) : resolve(result))),
        ),
      (on) =>
        new Promise((resolve, reject) =>
          on.query('select 1 as a', (error, result) => (error ? reject(error) : resolve(result))),
        ),
    ];
    const shown = (result: unknown): unknown =>
      Array.isArray(result) ? result.map(shown) : pickResult(result as pg.QueryResult);
    for (const call of calls) expect(shown(await call(pool))).toEqual(shown(await call(own)));
    const refused = [(on: pg.Pool) => on.query('selec'), (on: pg.Pool) => on.query('select $1; select 2', [1])];
    for (const call of refused) {
      const { code, message } = await rejection(call(own));
      expect(await rejection(call(pool))).toMatchObject({ code, message });
    }
    await own.end();
  });

  it('lends connections that hold transactions of their own', async () => {
    const { database, pool } = open();
    const client = await pool.connect();
    expect(typeof (client as unknown as { processID: number }).processID).toBe('number');
    await client.query('begin');
    await client.query(insertText, [1]);
    await client.query('savepoint a');
    await client.query(insertText, [2]);
    await client.query('rollback to a');
    expect(await server.products()).toEqual([]);
    expect((await client.query('commit')).command).toBe('COMMIT');
    expect(pool.totalCount - pool.idleCount).toBe(1);
    client.release();
    client.release();
    await until('it is back', () => used(database) === 0);
    expect(await server.products()).toEqual([1]);
    expect((await rejection(client.query('select 1'))).message).toContain('released');
  });

  it('rolls back what a connection was given back in the middle of', async () => {
    const { database, pool } = open(1);
    const errors: { error: { code?: string } }[] = [];
    const note = (event: unknown): void => void errors.push(event as (typeof errors)[number]);
    subscribe(channelNames.backgroundError, note);
    for (const destroy of [false, true]) {
      const client = await pool.connect();
      await client.query('begin');
      await client.query(insertText, [1]);
      client.release(destroy);
      const { rows } = await pool.query(
        'select count(*)::int as count, pg_current_xact_id_if_assigned() as xid from product',
      );
      expect(rows).toEqual([{ count: 0, xid: null }]);
    }
    await until('it is back', () => used(database) === 0);
    unsubscribe(channelNames.backgroundError, note);
    // Whoever destroys it on purpose knows.
    expect(errors.map(({ error }) => error.code)).toEqual(['TRANSACTION_CONTROL']);
  });

  it('keeps nothing of cursors and streams that have ended', async () => {
    const { pool } = open();
    const client = await pool.connect();
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    for (let time = 0; time < 12; time += 1) {
      const cursor = client.query(new Cursor('select 1 as n'));
      await cursor.read(10);
      await cursor.close();
      for await (const row of client.query(new QueryStream('select 1 as n'))) expect(row).toEqual({ n: 1 });
    }
    client.release();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('closes a connection that is given back with a cursor left open', async () => {
    const { database, pool } = open(1);
    const client = await pool.connect();
    const cursor = client.query(new Cursor('select n from generate_series(1, 100) n'));
    expect(await cursor.read(1)).toEqual([{ n: 1 }]);
    client.release();
    await until('it is given up', () => used(database) === 0);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('shows waiting and idle connections, emits acquire and release, and ends alone', async () => {
    const database = server.open({ max: 1, maxLevel: 0, budget: 1 });
    const pool = ambientPool(database);
    const events: string[] = [];
    pool.on('acquire', () => events.push('acquire'));
    pool.on('release', () => events.push('release'));
    const client = await pool.connect();
    const waiting = pool.query('select 1');
    await until('one waits', () => pool.waitingCount === 1);
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 0]);
    client.release();
    await waiting;
    await until('both are released', () => events.length === 4);
    expect(events).toEqual(['acquire', 'release', 'acquire', 'release']);
    await pool.end();
    expect(pool.ended).toBe(true);
    expect((await rejection(pool.query('select 1'))).message).toContain('end on the pool');
    expect((await rejection(pool.connect())).message).toContain('end on the pool');
    await database.current.query('select 1');
  });

  it('calls back in the context of the caller, also whoever had to wait', async () => {
    const { pool } = open(1);
    const context = new AsyncLocalStorage<string>();
    const first = await pool.connect();
    const seen = context.run(
      'the one who waits',
      () =>
        new Promise<unknown>((resolve, reject) => {
          pool.connect((error, client, done) => {
            if (error !== undefined || client === undefined) return reject(error);
            client.query('select 1', () => {
              done();
              resolve(context.getStore());
            });
          });
        }),
    );
    context.run('the releaser', () => first.release());
    expect(await seen).toBe('the one who waits');
  });

  it('forwards notifications while a connection is held', async () => {
    const { pool } = open();
    const client = await pool.connect();
    const heard: unknown[] = [];
    client.on('notification', ({ payload }) => heard.push(payload));
    await client.query('listen sluice_test');
    await server.sql(`select pg_notify('sluice_test', 'hello')`);
    await until('it is heard', () => heard.length === 1);
    expect(heard).toEqual(['hello']);
    client.release(true);
  });

  it('refuses what would begin on whichever connection comes, and engines of others', async () => {
    const { pool } = open();
    for (const text of ['BEGIN', 'commit', 'savepoint x', 'select 1; commit'])
      expect(await rejection(pool.query(text))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
    expect(() => pool.query({ text: 'select 1', binary: true } as never)).toThrow('binary');
    expect(() => pool.query(undefined as never)).toThrow(TypeError);
    const { driver } = postgres({ connectionString: server.url });
    const without = { ...driver, libraryPool: undefined } as never;
    const foreign = createDatabase({ clients: { default: { driver: without, pool: {} } } });
    expect(() => ambientPool(foreign)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    for (const none of [undefined, null, {}, 'database'])
      expect(() => ambientPool(none as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(() => ambientPool(foreign, 'nope' as never)).toThrow(expect.objectContaining({ code: 'UNKNOWN_CLIENT' }));
    await foreign.close();
  });
});

describe('an ambient pool in a transaction', () => {
  it('goes back to a savepoint of its own a thousand times', async () => {
    const { database, pool } = open(1);
    await database.transaction(async () => {
      const client = await pool.connect();
      for (let id = 0; id < 1_000; id += 1) {
        await client.query('savepoint item');
        await client.query(insertText, [id]);
        await client.query(id % 3 === 0 ? 'release savepoint item' : 'rollback to savepoint item');
      }
      client.release();
    });
    // The last savepoints were gone back to and not released, which a commit does.
    expect(await server.products()).toEqual(Array.from({ length: 334 }, (_, index) => index * 3));
  });

  it('shares its connection, and turns what a library begins into savepoints', async () => {
    const { database, pool } = open(1);
    await database.transaction(async () => {
      await insert(database, 1);
      const [one, two] = [await pool.connect(), await pool.connect()];
      await one.query('begin');
      await one.query(insertText, [2]);
      await one.query('savepoint inner');
      await one.query(insertText, [3]);
      await one.query('rollback to savepoint inner');
      await one.query(insertText, [4]);
      await one.query('release savepoint inner');
      await one.query('commit');
      await two.query('start transaction isolation level read committed');
      await two.query(insertText, [5]);
      expect(await rejection(two.query(insertText, [5]))).toMatchObject({ code: '23505' });
      await two.query('rollback');
      await two.query(insertText, [6]);
      expect(await server.products()).toEqual([]);
      one.release();
      two.release();
      two.release();
      expect((await rejection(one.query('select 1'))).message).toContain('released');
    });
    expect(await server.products()).toEqual([1, 2, 4, 6]);
  });

  it('rolls back what a client was given back in the middle of, and nothing else', async () => {
    const { database, pool } = open(1);
    await database.transaction(async () => {
      await insert(database, 1);
      const client = await pool.connect();
      await client.query('begin');
      await client.query(insertText, [2]);
      client.release();
      await insert(database, 3);
    });
    expect(await server.products()).toEqual([1, 3]);
  });

  it('refuses what would end the transaction, with the reason, and sends nothing of it', async () => {
    const { database, pool } = open(1);
    await database.transaction(async () => {
      await insert(database, 1);
      const client = await pool.connect();
      for (const text of [
        'commit',
        'rollback',
        'release savepoint nope',
        'rollback to nope',
        "prepare transaction 'x'",
        'commit and chain',
        'insert into product (id) values (2); commit',
      ]) {
        const error = await rejection(client.query(text));
        expect(error).toMatchObject({ code: 'TRANSACTION_CONTROL' });
        expect(error.message).toContain('not sent');
      }
      await client.query('begin');
      expect(await rejection(client.query('begin'))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
      await client.query('commit');
      expect(await rejection(client.query('set transaction isolation level serializable'))).toMatchObject({
        code: 'INCOMPATIBLE_TRANSACTION',
      });
      client.release();
    });
    expect(await server.products()).toEqual([1]);
  });

  it('takes a rollback after a commit that has failed for nothing', async () => {
    const { database, pool } = open(1);
    await database.transaction(async () => {
      const client = await pool.connect();
      await client.query('begin');
      await client.query(insertText, [1]);
      await rejection(client.query('select 1 / 0'));
      expect(await rejection(client.query('commit'))).toMatchObject({ code: 'UNEXPECTED_ROLLBACK' });
      expect(await rejection(client.query('commit'))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
      await client.query('rollback');
      await client.query('begin');
      await client.query(insertText, [2]);
      await client.query('commit');
      expect(await rejection(client.query('rollback'))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
      client.release();
    });
    expect(await server.products()).toEqual([2]);
  });

  it('lets a client of an outer scope work in a nested one that its caller is in', async () => {
    const { database, pool } = open(1);
    await database.transaction(async () => {
      const client = await pool.connect();
      await rejection(
        database.transaction(
          async () => {
            await client.query(insertText, [1]);
            throw new Error('rolled back');
          },
          { propagation: 'NESTED' },
        ),
      );
      // In an independent transaction it stays what it is.
      await database.transaction(
        async () => {
          await insert(database, 3);
          await client.query(insertText, [2]);
        },
        { propagation: 'REQUIRES_NEW' },
      );
      expect(await server.products()).toEqual([3]);
      client.release();
    });
    expect(await server.products()).toEqual([2, 3]);
  });

  it('refuses a client that was kept after the end', async () => {
    const { database, pool } = open(1);
    let kept: pg.PoolClient | undefined;
    await database.transaction(async () => {
      kept = await pool.connect();
      await kept.query(insertText, [1]);
    });
    expect(await rejection(kept?.query(insertText, [2]) ?? Promise.resolve())).toMatchObject({
      code: 'TRANSACTION_ENDED',
    });
    kept?.release();
    expect(await server.products()).toEqual([1]);
  });

  it('reads cursors and streams, with statements in the loop, and ends them with the scope', async () => {
    const { database, pool } = open(1);
    let left: Cursor | undefined;
    await database.transaction(async () => {
      const client = await pool.connect();
      const numbers: number[] = [];
      const cursor = client.query(new Cursor<{ n: number }>('select n from generate_series(1, $1::int) n', [5]));
      for (let rows = await cursor.read(2); rows.length > 0; rows = await cursor.read(2)) {
        await client.query(insertText, [rows[0]?.n]);
        numbers.push(...rows.map(({ n }) => n));
      }
      await cursor.close();
      expect(numbers).toEqual([1, 2, 3, 4, 5]);
      let sum = 0;
      for await (const row of client.query(new QueryStream('select n from generate_series(1, 250) n'))) {
        sum += (row as { n: number }).n;
      }
      expect(sum).toBe(31_375);
      // What writes cannot be a cursor: it is run once and kept.
      const written: unknown[] = [];
      for await (const row of client.query(new QueryStream('insert into product (id) values (10), (11) returning id')))
        written.push(row);
      expect(written).toEqual([{ id: 10 }, { id: 11 }]);
      const failing = database.transaction(() => client.query(new Cursor('select 1 / $1::int', [0])).read(1), {
        propagation: 'NESTED',
      });
      expect(await rejection(failing)).toMatchObject({ code: '22012' });
      left = client.query(new Cursor('select 1'));
    });
    expect(await rejection(left?.read(1) ?? Promise.resolve())).toMatchObject({ code: 'TRANSACTION_ENDED' });
    await until('the connection is back', () => used(database) === 0);
  });

  it("runs pg's own query objects, and refuses objects that it does not know", async () => {
    const { database, pool } = open(1);
    await database.transaction(async () => {
      const client = await pool.connect();
      const rows: unknown[] = [];
      await new Promise((resolve, reject) => {
        const query = new pg.Query('select 7 as seven');
        query.on('row', (row) => rows.push(row));
        query.on('end', resolve);
        query.on('error', reject);
        client.query(query);
      });
      expect(rows).toEqual([{ seven: 7 }]);
      const error = await new Promise((resolve) => {
        client.query({ submit() {}, handleError: resolve } as never);
      });
      expect(error).toMatchObject({ code: 'INVALID_OPTION' });
      client.release();
    });
  });

  it('keeps type parsers and names of statements to those who gave them', async () => {
    const { database, pool } = open(1);
    const other = ambientPool(database);
    await database.transaction(async () => {
      const [one, two] = [await pool.connect(), await other.connect()];
      one.setTypeParser(23, (value) => `<${value}>`);
      for (let round = 0; round < 3; round += 1) {
        expect((await one.query({ name: 'same', text: 'select 1 as a' })).rows).toEqual([{ a: '<1>' }]);
        expect((await two.query({ name: 'same', text: 'select 1 as a, 2 as b' })).rows).toEqual([{ a: 1, b: 2 }]);
        expect((await two.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
        expect((await database.current.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
      }
      one.release();
      two.release();
    });
  });

  it('says in the background what a released client could not roll back', async () => {
    const { database, pool } = open(1);
    const errors: unknown[] = [];
    const note = (event: unknown): void => void errors.push(event);
    subscribe(channelNames.backgroundError, note);
    try {
      const error = await rejection(
        database.transaction(async () => {
          const client = await pool.connect();
          await client.query('begin');
          const { rows } = await client.query('select pg_backend_pid() as pid');
          await server.sql('select pg_terminate_backend($1)', [rows[0].pid]);
          await rejection(client.query('select 1'));
          client.release();
        }),
      );
      expect(error['code']).toMatch(/CONNECTION_LOST|UNEXPECTED_ROLLBACK/);
      await until('the connection is gone', () => used(database) === 0);
    } finally {
      unsubscribe(channelNames.backgroundError, note);
    }
  });
});

describe('a client that a library does not give back', () => {
  it('is told of after leakThreshold, with the place that took it', async () => {
    const database = server.open({ leakThreshold: 30 });
    const leaks: ConnectionLeakEvent[] = [];
    const note = (event: unknown): void => void leaks.push(event as ConnectionLeakEvent);
    subscribe(channelNames.connectionLeak, note);
    try {
      const client = await ambientPool(database).connect();
      await until('it is told', () => leaks.length > 0);
      expect(leaks).toMatchObject([
        {
          transaction: 'a connection of an ambient pool',
          takenAt: expect.stringMatching(/ambient-pool\.test\.ts:\d+:\d+$/) as string,
        },
      ]);
      client.release();
      await until('it is back', () => used(database) === 0);
    } finally {
      unsubscribe(channelNames.connectionLeak, note);
    }
  });
});

function pickResult({ command, rowCount, rows, fields, oid }: pg.QueryResult): object {
  return {
    command,
    rowCount,
    rows,
    oid,
    fields: fields.map(({ name, dataTypeID, format }) => ({ name, dataTypeID, format })),
  };
}
