import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres } from '../../scripts/embedded-postgres.mjs';
import { createDatabase, type Database, statement } from '../../src/index.ts';
import { postgres, type PostgresOptions } from '../../src/drivers/postgres/index.ts';
import { rejection, until } from '../support/settled.ts';

type Server = Awaited<ReturnType<typeof startPostgres>>;

let server: Server;
let side: pg.Client;
const opened: Database[] = [];

beforeAll(async () => {
  server = await startPostgres();
  side = new pg.Client({ connectionString: server.url });
  await side.connect();
  await side.query('create table product (id int primary key)');
}, 60_000);
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
  await setReadOnly(false);
});
afterAll(async () => {
  await side?.end();
  await server?.stop();
}, 60_000);

/** What a server that is demoted says to those who write, and to those who ask. */
async function setReadOnly(readOnly: boolean): Promise<void> {
  await side.query(`alter system set default_transaction_read_only = ${readOnly ? 'on' : 'off'}`);
  await side.query('select pg_reload_conf()');
  await until('it is so', async () => {
    const { rows } = await side.query<{ now: string }>(
      "select current_setting('default_transaction_read_only') as now",
    );
    return rows[0]?.now === (readOnly ? 'on' : 'off');
  });
}

function open(options: PostgresOptions = {}): Database {
  const database = createDatabase({ clients: { default: postgres({ connectionString: server.url, ...options }) } });
  opened.push(database);
  return database;
}

async function backendOf(database: Database): Promise<unknown> {
  return (await database.current.query('select pg_backend_pid() as pid')).rows[0]?.['pid'];
}

const statsOf = (database: Database) => database.stats().clients['default'];

describe('a server that is made read-only', () => {
  const write = (database: Database, id: number): Promise<unknown> =>
    database.current.query(`insert into product values (${id})`);
  const ways: readonly [string, (database: Database) => Promise<unknown>][] = [
    ['a transaction', (database) => database.transaction(() => write(database, 1))],
    ['a statement by itself', (database) => write(database, 1)],
    ['a batch', (database) => database.transaction.batch([statement('insert into product values (1)')])],
  ];
  it.each(ways)('loses all connections that it had when it could be written to: %s', async (_name, work) => {
    const database = open();
    await Promise.all([1, 2, 3].map(() => database.current.query('select pg_sleep(0.05)')));
    await until('three are there', () => statsOf(database)?.idle === 3);
    const before = await backendOf(database);
    await setReadOnly(true);
    expect(await rejection(work(database))).toMatchObject({ code: '25006' });
    await until('none is left', () => statsOf(database)?.idle === 0 && statsOf(database)?.closing === 0);
    expect(await backendOf(database)).not.toBe(before);
  });

  it('is tried again by retry, which goes on where another one has taken over', async () => {
    const database = open({ targetSessionAttrs: 'read-write' });
    await Promise.all([1, 2, 3].map(() => database.current.query('select pg_sleep(0.05)')));
    await setReadOnly(true);
    let attempts = 0;
    const work = database.transaction(
      async () => {
        attempts += 1;
        await write(database, 10);
      },
      { retry: { attempts: 2, delay: 1 } },
    );
    await until('the first attempt has failed', () => attempts === 2);
    await setReadOnly(false);
    await work;
    expect(attempts).toBe(2);
  });

  it('is tried no more often than retry says', async () => {
    const database = open();
    await setReadOnly(true);
    let attempts = 0;
    const work = database.transaction(
      async () => {
        attempts += 1;
        await write(database, 20);
      },
      { retry: { attempts: 3, delay: 1 } },
    );
    expect(await rejection(work)).toMatchObject({ code: '25006' });
    expect(attempts).toBe(3);
  });

  it('keeps the connections of transactions that are to be read-only, and fails once', async () => {
    const database = open();
    const before = await backendOf(database);
    let attempts = 0;
    const work = database.transaction(
      async () => {
        attempts += 1;
        await write(database, 30);
      },
      { readOnly: true, retry: { attempts: 3, delay: 1 } },
    );
    expect(await rejection(work)).toMatchObject({ code: '25006' });
    expect(attempts).toBe(1);
    expect(await backendOf(database)).toBe(before);
  });

  it('keeps those of clients that are meant for reading', async () => {
    await setReadOnly(true);
    const database = open({ targetSessionAttrs: 'read-only' });
    const before = await backendOf(database);
    expect(await rejection(write(database, 40))).toMatchObject({ code: '25006' });
    expect(await backendOf(database)).toBe(before);
  });
});

describe('a server that is stopped in the middle of a transaction', () => {
  it('is tried again by retry', async () => {
    const database = open({ acquireTimeout: 20_000 });
    let attempts = 0;
    await database.transaction(
      async () => {
        attempts += 1;
        await database.current.query('insert into product values (50)');
        if (attempts > 1) return;
        const pid = await backendOf(database);
        const slow = database.current.query('select pg_sleep(60)');
        await until('it runs', async () => {
          const { rows } = await side.query('select 1 from pg_stat_activity where pid = $1 and query like $2', [
            pid,
            'select pg_sleep%',
          ]);
          return rows.length > 0;
        });
        // Its end may be known before the server has answered the one who ended it.
        await Promise.all([slow, side.query('select pg_terminate_backend($1)', [pid])]);
      },
      { retry: { attempts: 2, delay: 1 } },
    );
    expect(attempts).toBe(2);
  });
});
