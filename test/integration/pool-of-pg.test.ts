// What the pool of pg does, done by an ambient pool outside of a transaction: each is asked of both.
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const opened: pg.Pool[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.end()));
});

function kept(pool: pg.Pool): pg.Pool {
  opened.push(pool);
  return pool;
}
const kinds = ['pg', 'Sluice'] as const;
const open = (kind: (typeof kinds)[number]): pg.Pool =>
  kept(
    kind === 'pg'
      ? new pg.Pool({ connectionString: server.url, max: 1 })
      : ambientPool(server.open({ max: 1, maxLevel: 0, budget: 1 })),
  );
const processOf = (client: pg.PoolClient): number => (client as unknown as { processID: number }).processID;
const kill = (client: pg.PoolClient): Promise<unknown> =>
  server.sql('select pg_terminate_backend($1)', [processOf(client)]);

describe.each(kinds)('several statements in one text of a pool of %s', (kind) => {
  it('have a transaction of their own', async () => {
    const pool = open(kind);
    const results = (await pool.query(
      "BEGIN; SET LOCAL lock_timeout = '1s'; insert into product (id) values (1); select id from product; COMMIT",
    )) as unknown as pg.QueryResult[];
    expect(results.map(({ command }) => command)).toEqual(['BEGIN', 'SET', 'INSERT', 'SELECT', 'COMMIT']);
    expect(results[3]?.rows).toEqual([{ id: 1 }]);
    await pool.query('begin; insert into product (id) values (2); savepoint a; select 1; release a; rollback;');
    await pool.query('start transaction; insert into product (id) values (3); end; begin; select 1; abort');
    expect(await server.products()).toEqual([1, 3]);
  });

  it('are all undone where one of them fails, and leave nothing open', async () => {
    const pool = open(kind);
    const failing = pool.query('BEGIN; insert into product (id) values (1); select 1 / 0; COMMIT');
    expect(await rejection(failing)).toMatchObject({ code: '22012' });
    expect((await pool.query('select pg_current_xact_id_if_assigned() as xid')).rows).toEqual([{ xid: null }]);
    await pool.query('insert into product (id) values (2)');
    expect(await server.products()).toEqual([2]);
  });
});

describe('several statements in one text of an ambient pool', () => {
  it('are refused where they do not end what they begin, and sent nothing of', async () => {
    const pool = open('Sluice');
    for (const text of [
      'BEGIN; insert into product (id) values (1)',
      'COMMIT; BEGIN; COMMIT',
      'BEGIN; BEGIN; COMMIT',
      'savepoint a; BEGIN; COMMIT',
      "BEGIN; insert into product (id) values (1); PREPARE TRANSACTION 'a'",
      'BEGIN; COMMIT AND CHAIN; COMMIT',
    ])
      expect(await rejection(pool.query(text)), text).toMatchObject({ code: 'TRANSACTION_CONTROL' });
    expect(await server.products()).toEqual([]);
  });

  it('are refused inside of a transaction, which is not theirs to end', async () => {
    const database = server.open({ max: 1 });
    const pool = kept(ambientPool(database));
    await database.transaction(async () => {
      await insert(database, 1);
      const block = 'BEGIN; insert into product (id) values (2); COMMIT';
      expect(await rejection(pool.query(block))).toMatchObject({ code: 'TRANSACTION_CONTROL' });
    });
    expect(await server.products()).toEqual([1]);
  });
});

describe.each(kinds)('a client of a pool of %s', (kind) => {
  it('tells who listens that its connection died', async () => {
    const client = await open(kind).connect();
    const heard: string[] = [];
    client.on('error', ({ message }) => heard.push(message));
    client.once('end', () => heard.push('end'));
    await client.query('listen sluice_test');
    await kill(client);
    await until('it has heard', () => heard.includes('end'));
    expect(heard[0]).toContain('terminating connection');
    client.release(true);
  });

  it('gives a query object the callback beside it, and takes values and callbacks that are not given', async () => {
    const client = await open(kind).connect();
    const results: unknown[] = [];
    const note = (...args: unknown[]): void => void results.push(args.length === 1 ? args : [args[0], rowsOf(args[1])]);
    // In forms that its types do not name.
    const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
    void query(new pg.Query('select 1 as one'), note);
    await until('it was called', () => results.length === 1);
    void query(new pg.Query('select $1::int as one', [2]), undefined, note);
    await until('it was called', () => results.length === 2);
    void query('select 3 as one', undefined, note);
    await until('it was called', () => results.length === 3);
    void query('select 4 as one', note, undefined);
    await until('it was called', () => results.length === 4);
    expect(results).toEqual([1, 2, 3, 4].map((one) => [null, [{ one }]]));
    expect(await query('select 5 as one', undefined, undefined)).toMatchObject({ rows: [{ one: 5 }] });
    client.release();
  });
});

const rowsOf = (result: unknown): unknown => (result as pg.QueryResult).rows;

describe.each(kinds)('a pool of %s', (kind) => {
  it('calls back with nothing for an error where there is none', async () => {
    const pool = open(kind);
    const error = await new Promise<unknown>((resolve) => pool.query('select 1', resolve));
    expect(error).toBeUndefined();
    const withUndefined = await new Promise<unknown>((resolve) =>
      pool.query('select 1', undefined as never, (failed, result) => resolve([failed, result.rowCount])),
    );
    expect(withUndefined).toEqual([undefined, 1]);
    const failure = await new Promise<unknown>((resolve) => pool.query('selec', resolve));
    expect(failure).toMatchObject({ code: '42601' });
    const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>;
    expect(await query('select 1', undefined, undefined)).toMatchObject({ rowCount: 1 });
    expect(await new Promise((resolve) => pool.connect((failed, _client, done) => (done(), resolve(failed))))).toBe(
      undefined,
    );
  });

  it('tells of each connection and of each use of it, those of its queries too', async () => {
    const pool = open(kind);
    const events: string[] = [];
    for (const event of ['connect', 'acquire', 'remove'] as const) pool.on(event, () => void events.push(event));
    pool.on('release', (error) => void events.push(error ? 'release with an error' : 'release'));
    await pool.query('select 1');
    (await pool.connect()).release();
    await until('the connection is back', () => pool.idleCount === 1);
    (await pool.connect()).release(true);
    await until('it is closed', () => events.includes('remove'));
    expect(events).toEqual([
      'connect',
      'acquire',
      'release',
      'acquire',
      'release',
      'acquire',
      'release with an error',
      'remove',
    ]);
    await rejection(pool.query('selec'));
    expect(events.slice(8, 11)).toEqual(['connect', 'acquire', 'release with an error']);
  });

  it('sends what a listener of connect asks for before anything else', async () => {
    const pool = open(kind);
    pool.on('connect', (client) => void client.query("set application_name = 'shop'"));
    expect((await pool.query('show application_name')).rows).toEqual([{ application_name: 'shop' }]);
    const client = await pool.connect();
    expect((await client.query('show application_name')).rows).toEqual([{ application_name: 'shop' }]);
    client.release();
  });

  it('tells of a connection that dies while it lies idle', async () => {
    const pool = open(kind);
    const heard: string[] = [];
    pool.on('error', ({ message }) => heard.push(message));
    pool.on('remove', () => heard.push('remove'));
    const client = await pool.connect();
    const id = processOf(client);
    client.release();
    await until('it is back', () => pool.idleCount === 1);
    await server.sql('select pg_terminate_backend($1)', [id]);
    await until('it is gone', () => heard.includes('remove'));
    expect(heard).toEqual([expect.stringContaining('terminating connection'), 'remove']);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('takes nothing after its end', async () => {
    const pool = open(kind);
    await pool.query('select 1');
    opened.splice(0);
    await pool.end();
    expect([pool.ended, pool.ending]).toEqual([true, true]);
    expect((await rejection(pool.query('select 1'))).message).toBe('Cannot use a pool after calling end on the pool');
    expect(await new Promise((resolve) => pool.connect((error) => resolve(error)))).toBeInstanceOf(Error);
  });
});

describe('an ambient pool', () => {
  it.each([
    ['max', 5, '"max"'],
    ['min', 1, 'idleTimeout'],
    ['maxUses', 7_500, 'maxLifetime'],
    ['maxLifetimeSeconds', 60, 'maxLifetime'],
    ['idleTimeoutMillis', 1_000, 'idleTimeout'],
    ['connectionTimeoutMillis', 1_000, 'acquireTimeout'],
    ['allowExitOnIdle', true, 'close()'],
    ['onConnect', () => {}, "'connect'"],
    ['verify', () => {}, "'connect'"],
    ['log', () => {}, 'channels'],
    ['connectionString', 'postgres://shop', 'postgres()'],
  ])('refuses the option "%s" of the pool of pg, and says where it belongs', (name, value, remedy) => {
    const database = server.open();
    expect(() => ambientPool(database, undefined, { [name]: value })).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        message: expect.stringContaining(`"${name}"`) as string,
        remedy: expect.stringContaining(remedy) as string,
      }),
    );
  });

  it('needs no listener for what dies', async () => {
    const pool = open('Sluice');
    const client = await pool.connect();
    const once: unknown[] = [];
    client.once('error', (error) => once.push(error));
    await kill(client);
    await until('it has heard', () => once.length === 1);
    expect(await rejection(client.query('select 1'))).toMatchObject({ code: 'CONNECTION_LOST' });
    client.release();
    await pool.query('select 1');
  });

  it('opens no connection with which a listener of connect fails, and says why', async () => {
    const database = server.open({ max: 1, acquireTimeout: 2_000 });
    const pool = kept(ambientPool(database));
    const failed = new Error('no such schema');
    pool.on('connect', () => {
      throw failed;
    });
    // A library hears what a pool of its own would have told, and the program of the connection too.
    expect(await rejection(pool.query('select 1'))).toBe(failed);
    const { current } = database;
    expect(await rejection(current.query('select 1'))).toMatchObject({ code: 'CONNECT_FAILED', cause: failed });
  });

  it('tells the listener of connect of connections that the database opens for others', async () => {
    const database = server.open({ max: 1 });
    const pool = kept(ambientPool(database));
    pool.on('connect', (client) => void client.query("set application_name = 'shop'"));
    await database.transaction(async () => {
      const { rows } = await database.current.query('show application_name');
      expect(rows).toEqual([{ application_name: 'shop' }]);
    });
  });

  it("gives pg's query objects their callback inside of a transaction too", async () => {
    const database = server.open({ max: 1 });
    const pool = kept(ambientPool(database));
    const rows = await database.transaction(async () => {
      const client = await pool.connect();
      const query = client.query.bind(client) as (...args: unknown[]) => unknown;
      return await new Promise((resolve) => {
        query(new pg.Query('select 1 as one'), (_error: unknown, result: unknown) => resolve(rowsOf(result)));
      });
    });
    expect(rows).toEqual([{ one: 1 }]);
  });
});
