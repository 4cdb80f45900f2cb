import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Database } from '../../src/index.ts';
import { joinFleet } from '../../src/inspector/index.ts';
import { postgresFleet } from '../../src/inspector/postgres/index.ts';
import { redisFleet } from '../../src/inspector/redis/index.ts';
import type { Snapshot } from '../../src/inspector/snapshot.ts';
import { type Page, pageAt } from '../inspector/inspector-client.ts';
import { useTestDatabase } from '../support/database.ts';
import { listening } from '../support/http-client.ts';
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { describeWith, mariadbUrl, redisUrl } from '../support/servers.ts';
import { signal, until } from '../support/settled.ts';
import { startStandby } from '../support/streaming-standby.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { type Run, sluice, startSluice } from './run-sluice.ts';

const server = useTestDatabase();
const limit = 60_000;

interface Inspecting {
  /** Where its page is. */
  readonly url: string;
  readonly page: Page;
  /** Ends it. */
  readonly end: (name?: NodeJS.Signals) => Promise<Run>;
}

/** Starts the command, and waits for its URL. It ends with the test. */
async function inspect(...args: string[]): Promise<Inspecting> {
  const { child, run } = startSluice(['inspect', ...args]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  let ended: Run | undefined;
  child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  void run.then((how) => (ended = how));
  await until('it has said its URL', () => ended !== undefined || said.includes('\n'), 30_000);
  if (ended !== undefined) throw new Error(`it has ended: ${JSON.stringify(ended)}`);
  const url = said.trim();
  const end = async (name: NodeJS.Signals = 'SIGINT'): Promise<Run> => {
    child.kill(name);
    return await run;
  };
  return { url, page: pageAt(url), end };
}

/** Waits until its page shows something. */
async function shows(page: Page, what: string, isThere: (now: Snapshot) => boolean): Promise<Snapshot> {
  let now: Snapshot | undefined;
  await until(
    `it shows ${what}`,
    async () => {
      now = await page.snapshot();
      return isThere(now);
    },
    20_000,
  );
  if (now === undefined) throw new Error('it was not looked at');
  return now;
}

/** A transaction of a program that has not joined. */
async function openSession(): Promise<void> {
  const client = new pg.Client({ connectionString: server.url, application_name: 'another program' });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query("begin; select 'canary'");
}
const showsSession = ({ sessions }: Snapshot): boolean =>
  sessions.some(({ application, state }) => application === 'another program' && state === 'idle in transaction');

/** The server, with a password that it does not ask for, where it has none. */
function withPassword(url: string): { readonly url: string; readonly password: string } {
  const changed = new URL(url);
  if (changed.password === '') changed.password = 'canary';
  return { url: changed.href, password: decodeURIComponent(changed.password) };
}

describe('inspect on PostgreSQL', () => {
  it('shows processes of the fleet and other sessions, and ends with SIGINT', { timeout: limit }, async () => {
    const { url, password } = withPassword(server.url);
    const inspecting = await inspect(url);
    const { page } = inspecting;
    expect(inspecting.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=\S{16,}$/);
    const database = server.open();
    const member = joinFleet(database, { name: 'worker', fleet: postgresFleet({ connectionString: server.url }) });
    onTestFinished(() => member.close());
    await openSession();
    const { promise, fire } = signal();
    const working = database.transaction(
      async () => {
        await database.query('select 1');
        await promise;
      },
      { name: 'invoice' },
    );

    expect(await page.get('/')).toMatchObject({ status: 200, text: expect.stringContaining('<title>') });
    expect(await page.get('/api/snapshot', { authorization: 'Bearer wrong' })).toMatchObject({ status: 401 });
    const now = await shows(
      page,
      'the transaction and the session',
      (each) => each.holders.shown.some(({ name }) => name === 'invoice') && showsSession(each),
    );
    const processes = Object.fromEntries(now.processes.map(({ name, ...view }) => [name, view]));
    expect(processes).toMatchObject({
      'sluice inspect': { isInspector: true },
      worker: { isInspector: false, status: 'answered', pid: process.pid },
    });
    expect(now.holders.shown.find(({ name }) => name === 'invoice')?.processId).toBe(processes['worker']?.id);
    fire();
    await working;

    const { code, stdout, stderr } = await inspecting.end();
    expect(code).toBe(0);
    expect(stdout).toBe(`${inspecting.url}\n`);
    expect(stderr).toContain('the fleet on its channel sluice_inspector');
    expect(JSON.stringify(now)).not.toContain('canary');
    expect(stderr).not.toContain(password);
    expect(stderr).not.toContain('://');
    const left = (): Promise<unknown[]> =>
      server.sql(
        "select 1 from pg_stat_activity where datname = current_database() and application_name = 'sluice inspect'",
      );
    await until('it has left the server', async () => (await left()).length === 0);
  });

  it('shows the processes of its channel alone, on the port that it is given', { timeout: limit }, async () => {
    const taken = createServer();
    const port = await listening(taken);
    await new Promise((resolve) => taken.close(resolve));
    for (const channel of ['sluice_inspector', "a 'channel'"]) {
      const fleet = postgresFleet({ connectionString: server.url, channel });
      const member = joinFleet(server.open(), { name: channel, fleet });
      onTestFinished(() => member.close());
    }
    const { page, end } = await inspect(server.url, '--channel', "a 'channel'", '--port', `${port}`);
    expect(page.port).toBe(port);
    const now = await shows(page, 'the other process', ({ processes }) => processes.length > 1);
    expect(now.processes.map(({ name }) => name)).toEqual(['sluice inspect', "a 'channel'"]);
    expect((await end('SIGTERM')).code).toBe(0);
  });

  it('says what it cannot find out while the server is away, and ends all the same', { timeout: limit }, async () => {
    const proxy = await startTcpProxy(server.url);
    onTestFinished(() => proxy.close());
    const { page, end } = await inspect(proxy.url);
    await shows(page, 'no problem', ({ problems }) => problems.length === 0);
    proxy.hold();
    await shows(page, 'the problem', ({ problems }) => problems.length > 0);
    const { code, stderr } = await end();
    expect(code).toBe(0);
    expect(stderr).not.toContain('Warning');
  });

  it('shows sessions alone behind a pooler that shares connections', { timeout: limit }, async () => {
    if (!hasPgBouncer()) return;
    const pooler = await startPgBouncer(server.url, { mode: 'transaction', poolSize: 4 });
    onTestFinished(() => pooler.stop());
    await openSession();
    const { page, end } = await inspect(pooler.url);
    const now = await shows(page, 'the session', showsSession);
    expect(now.problems).toEqual([]);
    const { code, stderr } = await end();
    expect(code).toBe(0);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain('its sessions alone, since the pooler is in transaction mode');
  });

  it('shows sessions alone on a standby', { timeout: 3 * limit }, async () => {
    const { standby, stop } = await startStandby();
    onTestFinished(stop);
    const { page, end } = await inspect(standby.url);
    expect((await page.snapshot()).processes).toHaveLength(1);
    const { code, stderr } = await end();
    expect(code).toBe(0);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain('its sessions alone, since a standby passes no notifications on');
  });
});

await describeWith('Redis', 'inspect over Redis', () => {
  const channel = `sluice-test-${randomUUID()}`;
  /** A process that has joined over it. */
  function joinOver(database: Database): void {
    const client = new Redis(redisUrl);
    const subscriber = client.duplicate();
    const member = joinFleet(database, { name: 'worker', fleet: redisFleet({ client, subscriber, channel }) });
    onTestFinished(async () => {
      await member.close();
      client.disconnect();
      subscriber.disconnect();
    });
  }
  const hasWorker = ({ processes }: Snapshot): boolean =>
    processes.some(({ name, status }) => name === 'worker' && status === 'answered');

  it('shows the processes that have joined there, and other sessions', { timeout: limit }, async () => {
    joinOver(server.open());
    await openSession();
    const { page, end } = await inspect(server.url, '--redis', redisUrl, '--channel', channel);
    await shows(page, 'the worker and the session', (now) => hasWorker(now) && showsSession(now));
    const { code, stderr } = await end();
    expect(code).toBe(0);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(`the fleet on the channel ${channel} of Redis at `);
    expect(stderr).not.toContain('://');
  });

  it('shows them on MariaDB, too', { timeout: limit }, async () => {
    joinOver(server.open());
    const { page, end } = await inspect(mariadbUrl, '--redis', redisUrl, '--channel', channel);
    await shows(page, 'the worker', hasWorker);
    expect((await end('SIGTERM')).code).toBe(0);
  });

  it(
    'says that it cannot ask while Redis is silent or away, and goes on when it is back',
    {
      timeout: 2 * limit,
    },
    async () => {
      const proxy = await startTcpProxy(redisUrl);
      onTestFinished(() => proxy.close());
      joinOver(server.open());
      const { page, end } = await inspect(server.url, '--redis', proxy.url, '--channel', channel);
      const cannotAsk = ({ problems }: Snapshot): boolean => problems.some((each) => each.includes('cannot be asked'));
      await shows(page, 'the worker', hasWorker);
      proxy.hold();
      await shows(page, 'the problem', cannotAsk);
      proxy.goOn();
      proxy.cut();
      await shows(page, 'the worker again', (now) => hasWorker(now) && !cannotAsk(now));
      expect((await end()).code).toBe(0);
    },
  );
});

describe('inspect behind a proxy', () => {
  it('answers under the names that it is given, and no others', { timeout: limit }, async () => {
    const { page } = await inspect(server.url, '--allow-host', 'ops.example.com,db.example.com:8443');
    const statusUnder = async (host: string): Promise<number> => (await page.get('/api/snapshot', { host })).status;
    expect(await statusUnder('ops.example.com')).toBe(200);
    expect(await statusUnder('db.example.com:8443')).toBe(200);
    expect(await statusUnder('shop.example.com')).not.toBe(200);
  });
});

await describeWith('MariaDB', 'inspect on MariaDB', () => {
  it('shows sessions, says that there is no fleet, and ends with SIGTERM', { timeout: limit }, async () => {
    const connection = await mysql.createConnection({ uri: mariadbUrl });
    onTestFinished(() => connection.end());
    await connection.query('start transaction with consistent snapshot');
    const { page, end } = await inspect(mariadbUrl);
    await shows(page, 'the session', ({ sessions }) =>
      sessions.some(({ backendId }) => backendId === connection.threadId),
    );
    const { code, stderr } = await end('SIGTERM');
    expect(code).toBe(0);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain('its sessions alone, since MySQL and MariaDB pass no messages');
    expect(stderr).not.toContain('://');
  });
});

describe('inspect with bad input', () => {
  it.each([
    [[], 'needs URL'],
    [['redis://:canary@h'], 'does not begin with postgres://, mysql://'],
    [['postgres://u:canary@h/x', 'postgres://u:canary@h/x'], 'takes URL alone'],
    [['postgres://u:canary@h/x', '--port', '65536'], '--port takes a whole number from 0 to 65535'],
    [['postgres://u:canary@h/x', '--port', '-1'], '--port needs a value'],
    [['postgres://u:canary@h/x', '--channel', 'c'.repeat(64)], '--channel takes a name of at most 63 bytes'],
    [['mysql://u:canary@h/x', '--channel', 'c'], '--channel is for PostgreSQL'],
    [['postgres://u:canary@h/x', '--redis', 'postgres://u:canary@h/x'], 'does not begin with redis:// or rediss://'],
    [['postgres://u:canary@h/x', '--redis'], '--redis needs a value'],
  ])('%j is refused with its usage', { timeout: limit }, async (args, message) => {
    const { code, stdout, stderr } = await sluice(['inspect', ...args]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage:\n  sluice inspect URL');
    expect(stderr).not.toContain('canary');
  });

  it.each([
    ['--channel', 'a\u0007b'],
    ['--host', 'a\u0007b'],
    ['--allow-host', 'a\u0007b'],
  ])('a %s that is none is refused with its usage', { timeout: limit }, async (...option) => {
    const { code, stdout, stderr } = await sluice(['inspect', server.url, ...option]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('Usage:\n  sluice inspect URL');
    expect(stderr).not.toContain('    at ');
  });

  it.each(['postgres', 'mysql'])('a %s server that is not there is an error', { timeout: limit }, async (scheme) => {
    const { code, stdout, stderr } = await sluice(['inspect', `${scheme}://u:canary@127.0.0.1:1/x`]);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/127\.0\.0\.1:1.*cannot\s+be\s+used:.*ECONNREFUSED/s);
    expect(stderr).not.toContain('canary');
    expect(stderr).not.toContain('    at ');
  });

  it('a Redis that is not there is an error', { timeout: limit }, async () => {
    const { url, password } = withPassword(server.url);
    const { code, stdout, stderr } = await sluice(['inspect', url, '--redis', 'redis://u:canary@127.0.0.1:1']);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^Redis at 127\.0\.0\.1:1 cannot\s+be\s+used:.*ECONNREFUSED/s);
    for (const secret of ['canary', password]) expect(stderr).not.toContain(secret);
    expect(stderr).not.toContain('    at ');
  });

  it('a port that is taken, and a host that is not there, are errors', { timeout: limit }, async () => {
    const other = createServer();
    const port = await listening(other);
    onTestFinished(() => void other.close());
    const { url, password } = withPassword(server.url);
    for (const [option, reason] of [
      [['--port', `${port}`], 'EADDRINUSE'],
      [['--host', '192.0.2.1'], 'EADDRNOTAVAIL'],
    ] as const) {
      const { code, stdout, stderr } = await sluice(['inspect', url, ...option]);
      expect(code).toBe(1);
      expect(stdout).toBe('');
      expect(stderr).toContain(reason);
      expect(stderr).not.toContain(password);
      expect(stderr).not.toContain('    at ');
    }
  });
});
