import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { noteSkipped } from './skipped.ts';

/** A Redis of a test's own, which it may stop and start again. It keeps nothing on disk, unless it is told to. */
export interface OwnRedis {
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Whether there is the program `redis-server`; that there is none is said loudly, and is an error in CI. */
export function hasRedisServer(): boolean {
  if (spawnSync('redis-server', ['--version']).status === 0) return true;
  if (process.env['CI'] !== undefined) throw new Error('redis-server is not installed: nothing was tested');
  noteSkipped('The program redis-server is not installed.');
  return false;
}

/** Nothing where there is no `redis-server`. */
export async function ownRedis(): Promise<OwnRedis | undefined> {
  if (!hasRedisServer()) return undefined;
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  let child: ChildProcess | undefined;
  const redis: OwnRedis = {
    url,
    async start() {
      mkdirSync(folder, { recursive: true });
      const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
      const args = [...place, '--save', '', '--appendonly', 'no'];
      child = spawn('redis-server', args, { stdio: 'ignore' });
      const probe = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
      probe.on('error', () => {});
      await probe.ping();
      probe.disconnect();
    },
    async stop() {
      const stopped = child;
      child = undefined;
      if (stopped === undefined) return;
      // An interruption of the terminal reaches it, too.
      const isGone = stopped.exitCode !== null || stopped.signalCode !== null;
      const gone = isGone ? undefined : new Promise((resolve) => stopped.once('exit', resolve));
      stopped.kill('SIGKILL');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await redis.start();
  return redis;
}

/** One that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
