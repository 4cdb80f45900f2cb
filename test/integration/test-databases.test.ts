import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import mysqlPackage from 'mysql2/promise';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { createDatabase, type Database } from '../../src/index.ts';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import type { Driver } from '../../src/driver/index.ts';
import { refuseProduction } from '../../src/testing/databases/production.ts';
import type { DatabaseServer } from '../../src/testing/databases/server.ts';
import { noDatabase, type TestDatabase, testDatabases, type TestDatabasesOptions } from '../../src/testing/index.ts';
import { mariadbUrl, whenReached } from '../support/servers.ts';
import { rejection, until } from '../support/settled.ts';

interface Place {
  readonly url: string;
  readonly copies: boolean;
  client(url: string): ReturnType<typeof postgres>;
  sql(text: string): Promise<Record<string, unknown>[]>;
}

const postgresUrl = process.env['DATABASE_URL'] ?? '';
const onPostgres: Place = {
  url: postgresUrl,
  copies: true,
  client: (connectionString) => postgres({ connectionString, max: 2 }),
  async sql(text) {
    const client = new pg.Client({ connectionString: postgresUrl });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  },
};
const onMariadb: Place = {
  url: mariadbUrl,
  copies: false,
  client: (uri) => mysql({ uri, max: 2 }),
  async sql(text) {
    const connection = await mysqlPackage.createConnection(mariadbUrl);
    try {
      return (await connection.query(text))[0] as Record<string, unknown>[];
    } finally {
      await connection.end();
    }
  },
};

const suite = `t${randomBytes(4).toString('hex')}`;
const opened: Database[] = [];
const taken: TestDatabase[] = [];
const children: ChildProcess[] = [];

/** A database of Sluice at `url`, or in another database of its server. */
function open(at: Place, name?: string, from = at.url): Database<'default'> {
  const place = new URL(from);
  if (name !== undefined) place.pathname = name;
  const database = createDatabase({ clients: { default: at.client(place.href) } });
  opened.push(database);
  return database;
}

/** One that makes `product` with a row in it. */
function options(place: Place, given: Partial<TestDatabasesOptions> = {}): TestDatabasesOptions & { made: string[] } {
  const made: string[] = [];
  const template = async (name: string): Promise<void> => {
    made.push(name);
    const empty = open(place, name);
    await empty.query('create table product (id int primary key)');
    await empty.query('insert into product (id) values (1)');
    await empty.close();
  };
  return { name: suite, madeFrom: ['first'], template, worker: 1, made, ...given };
}

async function take(place: Place, given: TestDatabasesOptions, from?: string): Promise<TestDatabase> {
  const { made: _made, ...rest } = given as TestDatabasesOptions & { made?: unknown };
  const one = await testDatabases(open(place, undefined, from), rest);
  taken.push(one);
  return one;
}

const ids = async (database: Database): Promise<unknown[]> =>
  (await database.query('select id from product order by id')).rows.map(({ id }) => id);

async function named(place: Place): Promise<string[]> {
  const rows = place.copies
    ? await place.sql(`select datname as name from pg_database where starts_with(datname, '${suite}')`)
    : await place.sql(
        `select schema_name as name from information_schema.schemata where left(schema_name, 9) = '${suite}'`,
      );
  return rows.map(({ name }) => String(name).slice(suite.length)).sort();
}

/** Also where a program that was killed is still connected. */
async function dropAll(place: Place): Promise<void> {
  const force = place.copies ? ' with (force)' : '';
  await Promise.all((await named(place)).map((name) => place.sql(`drop database ${suite}${name}${force}`)));
}

async function closeAll(): Promise<void> {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(opened.splice(0).map((database) => database.close({ timeout: 1_000 })));
  await Promise.all(taken.splice(0).map((one) => one.close()));
}

afterEach(async () => {
  vi.unstubAllEnvs();
  await closeAll();
});

const engines = [['PostgreSQL', onPostgres] as const, ['MariaDB', onMariadb] as const];
const here = (await whenReached('MariaDB')) ? engines : engines.slice(0, 1);

describe.each(here)('testDatabases on %s', { timeout: 240_000 }, (_name, place) => {
  afterAll(() => dropAll(place));

  it.each([
    ['Vitest', 'VITEST_POOL_ID'],
    ['Jest', 'JEST_WORKER_ID'],
    ['node:test', 'NODE_TEST_WORKER_ID'],
  ])('knows the worker of %s', async (_runner, variable) => {
    for (const name of ['VITEST_POOL_ID', 'JEST_WORKER_ID', 'NODE_TEST_WORKER_ID']) vi.stubEnv(name, undefined);
    vi.stubEnv(variable, '7');
    const { worker: _worker, ...given } = options(place, { reuse: true });
    expect((await take(place, given)).worker).toBe(7);
    await closeAll();
    vi.stubEnv(variable, 'seven');
    expect(await rejection(take(place, given))).toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('is the same for one worker until it is closed, and a new copy afterwards', async () => {
    const given = options(place);
    const [one, same] = await Promise.all([take(place, given), take(place, given)]);
    expect(same).toBe(one);
    const database = open(place, one.name);
    await database.query('insert into product (id) values (2)');
    // Connections that are open do not keep it.
    await Promise.all([one.close(), one.close()]);
    const again = await take(place, given);
    expect(again).not.toBe(one);
    expect(again.name).toBe(one.name);
    expect(await ids(open(place, again.name))).toEqual([1]);
  });

  it('keeps what is in a database that is used again', async () => {
    const given = options(place, { reuse: true });
    const one = await take(place, given);
    const database = open(place, one.name);
    await database.query('insert into product (id) values (2)');
    await database.close();
    await one.close();
    const runs = given.made.length;
    expect(await ids(open(place, (await take(place, given)).name))).toEqual([1, 2]);
    expect(given.made).toHaveLength(runs);
  });

  it('gives workers at once a database each, and what was made from something else goes', async () => {
    const given = options(place, { madeFrom: ['at once'] });
    const all = await Promise.all([1, 2].map((worker) => take(place, { ...given, worker })));
    expect(all.map(({ worker }) => worker)).toEqual([1, 2]);
    expect(given.made).toHaveLength(place.copies ? 1 : 2);
    const databases = all.map(({ name }) => open(place, name));
    await databases[0]?.query('insert into product (id) values (2)');
    expect(await Promise.all(databases.map(ids))).toEqual([[1, 2], [1]]);

    // Those with `reuse` stay; what is in use stays, too.
    const kept = await take(place, { ...given, reuse: true, worker: 4 });
    await Promise.all(databases.map((each) => each.close()));
    await kept.close();
    await all[1]?.close();
    const before = await named(place);
    expect(before).toContain(kept.name.slice(suite.length));
    await take(place, options(place, { madeFrom: ['at once', 'and later'] }));
    const after = await named(place);
    expect(after.filter((name) => before.includes(name))).toEqual([all[0]?.name.slice(suite.length)]);
  });

  it('leaves nothing of a template that failed', async () => {
    const cause = new Error('a migration');
    const failing = options(place, { madeFrom: ['failing'], template: () => Promise.reject(cause) });
    expect(await rejection(take(place, failing))).toMatchObject({ code: 'TEST_DATABASE', cause });
    const fixed = await take(place, options(place, { madeFrom: ['failing'] }));
    expect(await ids(open(place, fixed.name))).toEqual([1]);
  });

  it('says which right a user lacks', async () => {
    const user = `${suite}_user`;
    const url = new URL(place.url);
    Object.assign(url, { username: user, password: 'narrow' });
    await place.sql(
      place.copies ? `create role ${user} login password 'narrow'` : `create user ${user} identified by 'narrow'`,
    );
    if (!place.copies) url.pathname = '/';
    try {
      const error = await rejection(take(place, options(place, { madeFrom: ['rights'] }), url.href));
      expect(error).toMatchObject({ code: 'TEST_DATABASE', cause: expect.any(Error) as Error });
      expect(error.message).toMatch(place.copies ? /alter role <user> createdb/ : /grant all on/);
    } finally {
      await closeAll();
      await place.sql(`drop ${place.copies ? 'role' : 'user'} ${user}`);
    }
  });

  it('refuses what looks like production', async () => {
    const before = await named(place);
    const production = `live_${suite}`;
    await place.sql(`create database ${production}`);
    const url = new URL(place.url);
    url.pathname = production;
    try {
      expect(await rejection(take(place, options(place), url.href))).toMatchObject({ code: 'PRODUCTION_DATABASE' });
      vi.stubEnv('NODE_ENV', 'production');
      expect(await rejection(take(place, options(place)))).toMatchObject({ code: 'PRODUCTION_DATABASE' });
      vi.unstubAllEnvs();
      const far = take(place, options(place), place.url.replace('127.0.0.1', 'db.prod.invalid'));
      expect(await rejection(far)).toMatchObject({ code: 'PRODUCTION_DATABASE' });
    } finally {
      await closeAll();
      await place.sql(`drop database ${production}`);
    }
    expect(await named(place)).toEqual(before);
  });
});

describe('testDatabases', { timeout: 240_000 }, () => {
  afterAll(() => dropAll(onPostgres));

  /** How many sessions hold the lock of a database. */
  async function holders(name: string): Promise<number> {
    const key = `hashtextextended('${name}', 0) & 4294967295`;
    return (await onPostgres.sql(`select 1 from pg_locks where locktype = 'advisory' and objid::bigint = ${key}`))
      .length;
  }

  function start(...args: readonly string[]): { readonly child: ChildProcess; readonly said: () => string } {
    const program = fileURLToPath(new URL('../processes/programs/test-database.ts', import.meta.url));
    let output = '';
    const child = spawn(process.execPath, [program, suite, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)));
    children.push(child);
    return { child, said: () => output };
  }

  it('is made once by processes at once, of which none has that of another', async () => {
    const hanging = start('hang');
    await until('one makes the template', () => hanging.said().includes('making'), 90_000);
    const given = options(onPostgres, { madeFrom: ['create table product (id int primary key)'] });
    const isMaking = async (): Promise<number> =>
      (await named(onPostgres)).filter((name) => name.endsWith('making')).length;
    // One that makes another meanwhile leaves it alone.
    await take(onPostgres, options(onPostgres, { madeFrom: ['something else'] }));
    expect(await isMaking()).toBe(1);
    const tooLong = await rejection(take(onPostgres, { ...given, worker: 9, timeout: 50 }));
    expect(tooLong).toMatchObject({ code: 'TEST_DATABASE', message: expect.stringContaining('after 50 ms') as string });
    const waiting = [start(), start()];
    hanging.child.kill('SIGKILL');
    await once(hanging.child, 'exit');
    await until('both have theirs', () => waiting.every(({ said }) => said().includes('has ')), 90_000);
    expect(waiting.filter(({ said }) => said().includes('making'))).toHaveLength(1);
    const [one = '', other = ''] = waiting.map(({ said }) => /has (\S+)/.exec(said())?.[1]);
    expect(one).not.toBe(other);
    expect(await isMaking()).toBe(0);

    // What those have left that were killed is used again, but by none while they run.
    const worker = Number(one.split('_').at(-1));
    const next = await take(onPostgres, { ...given, worker });
    expect([one, other]).not.toContain(next.name);
    for (const { child } of waiting) child.kill('SIGKILL');
    await Promise.all(waiting.map(({ child }) => once(child, 'exit')));
    await until('the server has noticed', async () => (await holders(one)) === 0);
    await next.close();
    expect((await take(onPostgres, { ...given, worker })).name).toBe(one);
  });

  it('refuses a template that leaves a connection open', async () => {
    const leaving = options(onPostgres, {
      madeFrom: ['leaves open'],
      template: (name) => open(onPostgres, name).query('select 1'),
    });
    const error = await rejection(take(onPostgres, leaving));
    expect(error).toMatchObject({ code: 'TEST_DATABASE', remedy: expect.stringContaining('Close every') as string });
  });

  it('tells production by words of a name, and by a server that is read-only', async () => {
    const isRefused = async (host: string, database: string, isReadOnly = false): Promise<boolean> => {
      const driver = { address: { host, port: 1 } } as unknown as Driver;
      const server = { about: () => Promise.resolve({ database, isReadOnly }) } as DatabaseServer;
      return await refuseProduction(driver, server).then(
        () => false,
        ({ code }: { code?: unknown }) => code === 'PRODUCTION_DATABASE',
      );
    };
    for (const name of ['prod', 'shop-prd-1', 'Production', 'live.shop']) {
      expect(await isRefused(name, 'shop'), name).toBe(true);
      expect(await isRefused('127.0.0.1', name), name).toBe(true);
    }
    for (const name of ['product', 'delivery', 'reproduction', 'olive_shop', ''])
      expect(await isRefused(name, name), name).toBe(false);
    expect(await isRefused('127.0.0.1', 'shop', true)).toBe(true);
  });

  it.each([
    ['SQLite', sqlite()],
    ['no database', noDatabase()],
  ])('is refused on %s', async (_name, client) => {
    const database = createDatabase({ clients: { default: client } });
    opened.push(database);
    const { made: _made, ...given } = options(onPostgres);
    expect(await rejection(testDatabases(database, given))).toMatchObject({ code: 'INVALID_OPTION' });
  });
});
