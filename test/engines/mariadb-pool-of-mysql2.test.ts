// What the pool of mysql2 does, done by an ambient pool outside of a transaction: each is asked of both.
import { createPool, type Pool, type PoolConnection } from 'mysql2';
import { afterEach, describe, expect, it } from 'vitest';
import { ambientPool, mysql } from '../../src/drivers/mysql/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const opened: Pool[] = [];
const databases: Database<'default'>[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.promise().end()));
  await Promise.all(databases.splice(0).map((database) => database.close({ timeout: 1_000 })));
});

function databaseIn(timezone: string): Database<'default'> {
  const client = mysql({ uri: server.url, timezone, max: 1, maxLevel: 0, budget: 1 });
  const database = createDatabase({ clients: { default: client } });
  databases.push(database);
  return database;
}

const kinds = ['mysql2', 'Sluice'] as const;
function open(kind: (typeof kinds)[number], timezone = 'local'): Pool {
  const pool =
    kind === 'mysql2'
      ? createPool({ uri: server.url, connectionLimit: 1, timezone })
      : ambientPool(databaseIn(timezone));
  opened.push(pool);
  return pool;
}
const connect = (pool: Pool): Promise<PoolConnection> =>
  new Promise((resolve, reject) => {
    pool.getConnection((error, connection) => (error === null ? resolve(connection) : reject(error)));
  });

describe.each(kinds)('a pool of %s', (kind) => {
  it('tells of each use of a connection, those of its queries too', async () => {
    const pool = open(kind);
    const events: string[] = [];
    pool.on('acquire', () => void events.push('acquire'));
    pool.on('release', () => void events.push('release'));
    await pool.promise().query('select 1');
    await until('it is released', () => events.length === 2);
    await pool.promise().execute('select ? as one', [1]);
    await until('it is released', () => events.length === 4);
    (await connect(pool)).release();
    await until('it is released', () => events.length === 6);
    await rejection(pool.promise().query('selec'));
    await until('it is released', () => events.length === 8);
    expect(events).toEqual(Array.from({ length: 8 }, (_, at) => (at % 2 === 0 ? 'acquire' : 'release')));
  });

  it('calls back with null for an error where there is none', async () => {
    const pool = open(kind);
    expect(await new Promise<unknown>((resolve) => pool.query('select 1', resolve))).toBeNull();
    expect(await new Promise<unknown>((resolve) => pool.execute('select 1', resolve))).toBeNull();
    const failed = await new Promise<unknown>((resolve) => pool.query('selec', resolve));
    expect(failed).toMatchObject({ code: 'ER_PARSE_ERROR' });
  });

  it('writes values into texts, it and its connections, in the time zone of the client', async () => {
    const pool = open(kind, '+05:00');
    const connection = await connect(pool);
    const at = new Date('2026-01-02T03:04:05.000Z');
    connection.release();
    const promised = await pool.promise().getConnection();
    for (const one of [pool, connection, pool.promise(), promised]) {
      expect(one.escape(at)).toBe("'2026-01-02 08:04:05.000'");
      expect(one.escapeId('a`b.c')).toBe('`a``b`.`c`');
      expect(one.format('select ?, ?? from t', ["it's", 'id', at])).toBe("select 'it\\'s', `id` from t");
      expect(one.format('select ?', [at])).toBe("select '2026-01-02 08:04:05.000'");
      expect(one.escape([1, null, undefined, true, Buffer.from('ab')])).toBe("1, NULL, NULL, true, X'6162'");
    }
    promised.release();
  });

  it('gives connections by a callback and by a promise, which go back in each way', async () => {
    const pool = open(kind);
    pool.releaseConnection(await connect(pool));
    const promises = pool.promise();
    const events: string[] = [];
    const note = (): void => void events.push('acquire');
    promises.on('acquire', note);
    (await promises.getConnection()).release();
    promises.releaseConnection(await promises.getConnection());
    promises.removeListener('acquire', note);
    const last = await promises.getConnection();
    expect((await last.query('select 1 as one'))[0]).toEqual([{ one: 1 }]);
    await last[Symbol.asyncDispose]();
    const again = await connect(pool);
    again[Symbol.dispose]();
    expect((await promises.execute('select ? as two', [2]))[0]).toEqual([{ two: 2 }]);
    expect(events).toEqual(['acquire', 'acquire']);
  });

  it('is ended once, and says so to whoever comes later', async () => {
    const pool = open(kind);
    await pool.promise().query('select 1');
    opened.splice(0);
    await new Promise<void>((resolve) => pool.end(() => resolve()));
    expect((await rejection(pool.promise().query('select 1'))).message).toBe('Pool is closed.');
    expect((await rejection(pool.promise().getConnection())).message).toBe('Pool is closed.');
    const told = await new Promise<Error | null>((resolve) => pool.getConnection((error) => resolve(error)));
    expect(told?.message).toBe('Pool is closed.');
  });

  it('lends connections that tell who listens that they died', async () => {
    const connection = await connect(open(kind));
    const heard: unknown[] = [];
    connection.on('error', ({ code }: { code?: string }) => heard.push(code));
    await server.sql(`kill ${connection.threadId}`);
    await until('it has heard', () => heard.length > 0);
    expect(heard[0]).toMatch(/PROTOCOL_CONNECTION_LOST|ER_CONNECTION_KILLED|ECONNRESET/);
    connection.destroy();
  });
});

it('a pool of Sluice refuses a getConnection without a callback, and takes nothing', () => {
  const pool = open('Sluice');
  expect(() => pool.getConnection(undefined as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  expect(databases[0]?.stats().clients.default).toMatchObject({ used: 0 });
});
