import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres } from '../../scripts/embedded-postgres.mjs';
import { createDatabase, type Database } from '../../src/index.ts';
import { postgres, type PostgresOptions } from '../../src/drivers/postgres/index.ts';
import { silenceOf } from '../support/keep-alive.ts';
import { rejection, until } from '../support/settled.ts';

type Server = Awaited<ReturnType<typeof startPostgres>>;

let primary: Server;
let standby: Server;
const opened: Database[] = [];

beforeAll(async () => {
  const settings = { unix_socket_directories: '/tmp' };
  [primary, standby] = await Promise.all([startPostgres({ settings }), startPostgres({ settings })]);
  await ask(primary, "create role shopkeeper login superuser password 'bread'");
  await becomeStandby(standby);
}, 120_000);
afterAll(async () => {
  await Promise.all(opened.map((database) => database.close()));
  await Promise.all([primary, standby].map((server) => server?.stop()));
}, 60_000);

/** Has the server wait for what another one sends it, until it is promoted. */
async function becomeStandby(server: Server): Promise<void> {
  await ask(server, "create role shopkeeper login superuser password 'bread'");
  const [row] = await ask<{ folder: string }>(server, "select current_setting('data_directory') as folder");
  await ask(server, `copy (select '') to '${row?.folder}/standby.signal'`);
  await server.restart();
}

async function ask<Row extends object>({ url }: Server, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

function open(options: PostgresOptions): Database {
  const database = createDatabase({ clients: { default: postgres({ acquireTimeout: 10_000, ...options }) } });
  opened.push(database);
  return database;
}

/** The same on all servers. */
const login = { user: 'shopkeeper', password: 'bread', database: 'postgres' } as const;

const portOf = ({ url }: Server): number => Number(new URL(url).port);
/** A connection string with several hosts. */
const urlOf = (ports: readonly number[], rest = ''): string =>
  `postgres://${login.user}:${login.password}@${ports.map((port) => `127.0.0.1:${port}`).join(',')}/postgres${rest}`;

async function whereIs(database: Database): Promise<unknown> {
  const { rows } = await database.current.query('select inet_server_port() as port');
  return rows[0]?.['port'];
}

describe('several hosts', () => {
  const choices: readonly [PostgresOptions['targetSessionAttrs'], () => Server][] = [
    ['any', () => standby],
    ['read-write', () => primary],
    ['read-only', () => standby],
    ['primary', () => primary],
    ['standby', () => standby],
    ['prefer-standby', () => standby],
    [undefined, () => standby],
  ];
  it.each(choices)('targetSessionAttrs %s', async (targetSessionAttrs, expected) => {
    const ports = [portOf(standby), portOf(primary)];
    expect(await whereIs(open({ connectionString: urlOf(ports), targetSessionAttrs }))).toBe(portOf(expected()));
    if (targetSessionAttrs === undefined) return;
    const inString = urlOf(ports, `?target_session_attrs=${targetSessionAttrs}`);
    expect(await whereIs(open({ connectionString: inString, targetSessionAttrs: 'any' }))).toBe(portOf(expected()));
  });

  it('prefer-standby takes the primary where there is no standby, standby comes after it otherwise', async () => {
    const alone = open({ connectionString: urlOf([portOf(primary)]), targetSessionAttrs: 'prefer-standby' });
    expect(await whereIs(alone)).toBe(portOf(primary));
    const both = urlOf([portOf(primary), portOf(standby)], '?target_session_attrs=prefer-standby');
    expect(await whereIs(open({ connectionString: both }))).toBe(portOf(standby));
  });

  it('a host that is down is passed by, wherever hosts and ports are written', async () => {
    const ports = `1,${portOf(primary)}`;
    for (const connectionString of [
      urlOf([1, portOf(primary)]),
      `postgres://shopkeeper:bread@/postgres?host=127.0.0.1,127.0.0.1&port=${ports}`,
      `postgres://shopkeeper:bread@[::1]:1,localhost:${portOf(primary)}/postgres`,
    ]) {
      expect(await whereIs(open({ connectionString }))).toBe(portOf(primary));
    }
    expect(await whereIs(open({ host: '/nowhere,127.0.0.1', port: portOf(primary), ...login }))).toBe(portOf(primary));
  });

  it('all down: an error that names them all', async () => {
    const error = await rejection(open({ connectionString: urlOf([1, 2]) }).current.query('select 1'));
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', cause: { code: 'ECONNREFUSED' } });
    expect(error.message).toContain('127.0.0.1:1, 127.0.0.1:2');
    expect(error.message).not.toContain(login.password);
  });

  it('what cannot be is refused at once', () => {
    for (const connectionString of [
      'postgres://h:1/db?target_session_attrs=master',
      'postgres://a,b,c/db?port=1,2',
      'postgres://h:123456/db',
      'postgres:h/db',
      'mysql://h/db',
    ]) {
      expect(() => postgres({ connectionString })).toThrow('connectionString');
    }
    expect(() => postgres({ targetSessionAttrs: 'master' as 'primary' })).toThrow('targetSessionAttrs');
  });

  it('none is what is wanted: those who wait go on waiting, and are served after a failover', async () => {
    const connectionString = urlOf([1, portOf(standby)], '?target_session_attrs=read-write');
    const impatient = open({ connectionString, acquireTimeout: 1_500 });
    const error = await rejection(impatient.current.query('select 1'));
    expect(error).toMatchObject({
      code: 'ACQUIRE_TIMEOUT',
      cause: { code: 'CONNECT_FAILED', cause: { code: 'TARGET_SESSION', cause: { code: 'ECONNREFUSED' } } },
    });
    const third = await startPostgres();
    try {
      await becomeStandby(third);
      const patient = open({
        connectionString: urlOf([portOf(standby), portOf(third)]),
        targetSessionAttrs: 'primary',
      });
      const waiting = whereIs(patient);
      await ask(third, 'select pg_promote()');
      expect(await waiting).toBe(portOf(third));
      await patient.close();
    } finally {
      await third.stop();
    }
  });
});

describe('a Unix socket', () => {
  it('is reached by each form of connection string', async () => {
    const port = portOf(primary);
    for (const options of [
      { connectionString: `postgres://shopkeeper:bread@/postgres?host=/tmp&port=${port}` },
      { connectionString: `postgres://shopkeeper:bread@%2Ftmp:${port}/postgres` },
      { connectionString: `postgresql:///postgres?host=%2Ftmp&user=shopkeeper&password=bread&port=${port}` },
      { connectionString: 'socket://shopkeeper:bread@/tmp?db=postgres&encoding=utf8', port },
      { connectionString: 'socket:/tmp?db=postgres', port, user: login.user, password: login.password },
      { host: '/tmp', port, ...login },
    ]) {
      const { rows } = await open(options).current.query(
        'select current_database() as name, inet_server_port() as port, client_port as client from pg_stat_activity where pid = pg_backend_pid()',
      );
      expect(rows).toEqual([{ name: 'postgres', port: null, client: -1 }]);
    }
  });
});

describe('a password function', () => {
  it('is asked for each connection that is opened, that for looking at locks included', async () => {
    await ask(primary, "create role clerk login password 'first'; create table till (id int primary key, sum int)");
    await ask(primary, 'insert into till values (1, 0); grant all on till to clerk; grant pg_monitor to clerk');
    let present = 'first';
    let asked = 0;
    const password = async (): Promise<string> => {
      asked += 1;
      return await Promise.resolve(present);
    };
    const connectionString = `postgres://clerk@127.0.0.1:${portOf(primary)}/postgres`;
    const database = open({ connectionString, password });
    await database.current.query('select 1');
    expect(asked).toBe(1);
    await ask(primary, "alter role clerk password 'second'");
    present = 'second';
    const change = (): Promise<unknown> => database.current.query('update till set sum = sum + 1 where id = 1');
    const deadlock = await rejection(
      database.transaction(async () => {
        await change();
        await database.transaction(change, { propagation: 'REQUIRES_NEW' });
      }),
    );
    expect(deadlock).toMatchObject({ code: 'CHAIN_DEADLOCK' });
    // The second transaction, and the probe.
    expect(asked).toBe(3);
    const wrong = open({ connectionString: connectionString.replace('clerk@', 'clerk:wrong@'), password });
    await wrong.current.query('select 1');
    const failing = open({ connectionString, password: () => Promise.reject(new Error('no token')) });
    expect(await rejection(failing.current.query('select 1'))).toMatchObject({ code: 'CONNECT_FAILED' });
  });

  it('is not needed where the other options have what the connection string leaves out', async () => {
    const connectionString = `postgres://127.0.0.1:${portOf(primary)}`;
    const database = open({ connectionString, ...login });
    expect(await whereIs(database)).toBe(portOf(primary));
  });
});

describe('keep-alive', () => {
  // The kernel tells of the timers of its sockets.
  it.runIf(process.platform === 'linux')('is on, and begins after half a minute of silence', async () => {
    const database = open({ connectionString: primary.url });
    const { rows } = await database.current.query<{ port: number }>(
      'select client_port as port from pg_stat_activity where pid = pg_backend_pid()',
    );
    const port = rows[0]?.port ?? 0;
    await until('the kernel waits for silence', () => silenceOf(port) !== undefined);
    expect(silenceOf(port)).toBeLessThanOrEqual(30);
  });
});
