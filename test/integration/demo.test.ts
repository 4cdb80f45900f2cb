import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { until } from '../support/settled.ts';
import { useTestDatabase } from '../support/database.ts';
import { mariadbUrl, redisUrl, whenReached } from '../support/servers.ts';

const server = useTestDatabase();
const program = fileURLToPath(new URL('../../src/cli/demo/main.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const runner = fileURLToPath(new URL('../../scripts/run.mjs', import.meta.url));

function demo(...args: string[]): SpawnSyncReturns<string> {
  return demoWith({ REDIS_URL: '' }, ...args);
}

function demoWith(settings: Record<string, string>, ...args: string[]): SpawnSyncReturns<string> {
  const env = { ...process.env, DATABASE_URL: server.url, ...settings };
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', env, timeout: 60_000 });
}

describe('the demo', () => {
  it('prints its figures as one JSON object on the last line', { timeout: 90_000 }, () => {
    const { stdout, stderr, status } = demo('--json');
    expect(status).toBe(0);
    const figures: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    const row = (max: number): object => ({
      max,
      requested: 500,
      committed: expect.any(Number) as number,
      declined: expect.any(Number) as number,
      soldOut: expect.any(Number) as number,
      violations: 0,
      ms: expect.any(Number) as number,
    });
    expect(figures).toEqual({
      engine: 'postgres',
      checkouts: [row(1), row(10)],
      deadlock: { code: 'POOL_DEADLOCK', ms: expect.any(Number) as number },
      jobs: {
        engine: 'pg-boss',
        requested: 220,
        completed: 220,
        p50ms: expect.any(Number) as number,
        p99ms: expect.any(Number) as number,
        withoutLevels: { completed: expect.any(Number) as number, timedOut: expect.any(Number) as number },
        rowLock: { code: 'CHAIN_DEADLOCK', ms: expect.any(Number) as number },
      },
    });
    const { withoutLevels } = (figures as { jobs: { withoutLevels: Record<string, number> } }).jobs;
    expect(withoutLevels['timedOut']).toBeGreaterThan(0);
    expect((withoutLevels['completed'] ?? 0) + (withoutLevels['timedOut'] ?? 0)).toBe(20);
    const { checkouts } = figures as { checkouts: Record<string, number>[] };
    for (const { committed = 0, declined = 0, soldOut = 0 } of checkouts) {
      expect(committed + declined + soldOut).toBe(500);
      expect(Math.min(committed, declined, soldOut)).toBeGreaterThan(0);
    }
    expect(stderr).toContain('500 of 500');
  });

  it('prints a table, the message of the deadlock, and leaves nothing behind', { timeout: 90_000 }, async () => {
    const { stdout, status } = demo();
    expect(status).toBe(0);
    expect(stdout).toMatch(/max {2}requested {2}committed/);
    expect(stdout).toMatch(/POOL_DEADLOCK after \d+ ms instead of hanging/);
    expect(stdout).toMatch(/transaction "checkout".*shop\.ts:\d+/);
    expect(stdout).toMatch(/pg-boss: 220 of 220 ended/);
    expect(stdout).toMatch(/CHAIN_DEADLOCK after \d+ ms/);
    expect(await server.sql("select 1 from pg_namespace where nspname like 'sluice_demo%'")).toEqual([]);
  });

  it('runs its jobs on BullMQ where there is a Redis', { timeout: 90_000 }, async () => {
    if (!(await whenReached('Redis'))) return;
    const { stdout, status } = demoWith({ REDIS_URL: redisUrl }, '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      jobs: { engine: 'bullmq', requested: 220, completed: 220, rowLock: { code: 'CHAIN_DEADLOCK' } },
    });
  });

  it.each(['mariadb', 'sqlite'])('runs on %s', { timeout: 90_000 }, async (engine) => {
    if (engine === 'mariadb' && !(await whenReached('MariaDB'))) return;
    const { stdout, status } = demoWith(
      { REDIS_URL: engine === 'mariadb' ? redisUrl : '', MARIADB_URL: mariadbUrl },
      '--json',
      '--engine',
      engine,
    );
    expect(status).toBe(0);
    const figures = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { checkouts: unknown[] };
    expect(figures).toMatchObject({ engine, deadlock: { code: 'POOL_DEADLOCK' } });
    expect(figures.checkouts).toHaveLength(engine === 'mariadb' ? 2 : 1);
    for (const row of figures.checkouts) expect(row).toMatchObject({ requested: 500, violations: 0 });
    expect(figures).toMatchObject({
      jobs: engine === 'mariadb' ? { completed: 220, rowLock: { code: 'CHAIN_DEADLOCK' } } : null,
    });
    expect(readdirSync(tmpdir()).filter((name) => /^sluice_demo_.*\.db/.test(name))).toEqual([]);
  });

  it('is shown by an inspector until it is interrupted, and leaves nothing', { timeout: 120_000 }, async () => {
    const env = { ...process.env, DATABASE_URL: server.url, REDIS_URL: '' };
    const child = spawn(process.execPath, [program, '--watch'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = once(child, 'exit');
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until('it says where it is shown', () => output.includes('Ctrl-C'), 60_000);
    const [, url = '', token = ''] = /(http:\S+)#token=(\S+)/.exec(output) ?? [];
    expect(await (await fetch(url)).text()).toContain('<title>Sluice inspector</title>');
    const seen = async (): Promise<boolean> => {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await (await fetch(`${url}api/snapshot`, { headers })).json();
      return JSON.stringify(answer).includes('"checkout"');
    };
    await until('it shows a checkout', seen, 60_000);
    child.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    expect(await server.sql("select 1 from pg_namespace where nspname like 'sluice_demo%'")).toEqual([]);
  });

  it.each([['--jsn'], ['--engine', 'oracle']])('refuses unknown options with its usage: %s', (...args) => {
    const { stderr, status } = demo(...args);
    expect(status).toBe(2);
    expect(stderr).toContain('Usage');
  });

  it('says that the server is down, and exits non-zero', () => {
    const env = { ...process.env, DATABASE_URL: 'postgres://shop:hunter2@127.0.0.1:1/shop' };
    const { stderr, status } = spawnSync(process.execPath, [program], { encoding: 'utf8', env, timeout: 30_000 });
    expect(status).toBe(1);
    expect(stderr).toContain('CONNECT_FAILED');
    expect(stderr).not.toContain('hunter2');
  });
});

describe('the demo with a Redis that cannot be used', () => {
  it.each([
    ['redis://shop:hunter2@127.0.0.1:1', 'REDIS_URL (127.0.0.1:1) cannot be used: connect ECONNREFUSED'],
    ['nowhere', 'REDIS_URL cannot be used: bullmq got a string for the option "connection"'],
  ])('says so before anything runs: %s', { timeout: 60_000 }, (url, message) => {
    const { stdout, stderr, status } = demoWith({ REDIS_URL: url });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/hunter2|^ +at /m);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends by %s while it is away', { timeout: 60_000 }, async (signal, code) => {
    const accepted = new Set<Socket>();
    const silent = createServer((socket) => accepted.add(socket)).listen(0);
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const env = { ...process.env, DATABASE_URL: server.url, REDIS_URL: `redis://127.0.0.1:${port}` };
    const child = spawn(process.execPath, [program], { env, stdio: 'ignore' });
    const ended = once(child, 'exit');
    await until('it has asked', () => accepted.size > 0, 20_000);
    child.kill(signal);
    expect(await ended).toEqual([code, null]);
    for (const socket of accepted) socket.destroy();
    silent.close();
  });
});

describe('the runner', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'leaves no process behind when npm ends by %s',
    { timeout: 90_000 },
    async (signal) => {
      const env = { ...process.env, DATABASE_URL: server.url, REDIS_URL: '' };
      const npm = spawn('npm', ['run', 'demo'], { cwd: root, env, stdio: ['ignore', 'ignore', 'pipe'] });
      let output = '';
      npm.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
      await until('the demo is under way', () => output.includes('100 of 500'), 60_000);
      const below = descendants(npm.pid ?? 0);
      expect(below.length).toBeGreaterThan(1);
      npm.kill(signal);
      await until('all have ended', () => below.every((pid) => !isAlive(pid)), 30_000);
      expect(await server.sql("select 1 from pg_namespace where nspname like 'sluice_demo%'")).toEqual([]);
    },
  );

  it('stops the PostgreSQL that it started when it is interrupted', { timeout: 60_000 }, async () => {
    const { DATABASE_URL: _, ...env } = process.env;
    const child = spawn(process.execPath, [runner, 'demo'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until('the demo is under way', () => output.includes('100 of 500'), 30_000);
    const folders = dataFolders(child.pid ?? 0);
    expect(folders).toHaveLength(1);
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.on('exit', resolve));
    expect(code).not.toBe(0);
    await until('the server is gone', () => spawnSync('pgrep', ['-f', folders[0] ?? '']).status !== 0);
    expect(existsSync(folders[0] ?? '')).toBe(false);
  });
});

/** The processes below one, those of its children too. */
function descendants(parent: number): number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(parent)], { encoding: 'utf8' });
  const children = stdout.split('\n').filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The data folders of the servers that a process has started. */
function dataFolders(parent: number): string[] {
  const { stdout } = spawnSync('ps', ['-o', 'args=', '--ppid', String(parent)], { encoding: 'utf8' });
  return [...stdout.matchAll(/-D (\S+)/g)].map((match) => match[1] ?? '');
}
