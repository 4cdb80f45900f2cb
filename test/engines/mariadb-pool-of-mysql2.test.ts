// What the pool of mysql2 does, done by an ambient pool outside of a transaction: each is asked of both.
import { createPool, type Pool, type PoolConnection } from 'mysql2';
import { afterEach, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/mysql/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
const opened: Pool[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.promise().end()));
});

const kinds = ['mysql2', 'Sluice'] as const;
function open(kind: (typeof kinds)[number]): Pool {
  const pool =
    kind === 'mysql2'
      ? createPool({ uri: server.url, connectionLimit: 1 })
      : ambientPool(server.open({ max: 1, maxLevel: 0, budget: 1 }));
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
