import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { freePort } from '../redis-server.ts';
import { until } from '../settled.ts';
import type { OwnServer } from './server.ts';

/** Debian has it where only root's paths lead. */
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin` };

/** Nothing where there are no programs `mariadbd` and `mariadb-install-db`. */
export async function ownMariadb(): Promise<OwnServer | undefined> {
  const programs = ['mariadbd', 'mariadb-install-db'];
  if (programs.some((program) => spawnSync(program, ['--help'], { env }).error !== undefined)) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-mariadb-'));
  const data = join(folder, 'data');
  const account = process.getuid?.() === 0 ? ['--user=root'] : [];
  const where = ['--no-defaults', `--datadir=${data}`, ...account];
  const { status, stderr } = spawnSync(
    'mariadb-install-db',
    [...where, '--auth-root-authentication-method=normal', '--skip-test-db'],
    { env, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`mariadb-install-db ended with ${status}\n${stderr}`);
  const port = await freePort();
  const url = `mysql://root@127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  // What is committed has been given to the operating system, which no crash of the server takes along.
  const settings = ['--innodb-flush-log-at-trx-commit=2', '--bind-address=127.0.0.1', `--port=${port}`];
  const files = [`--socket=${join(folder, 'socket')}`, `--pid-file=${join(folder, 'pid')}`];
  const server: OwnServer = {
    url,
    async crash() {
      const crashed = child;
      child = undefined;
      if (crashed === undefined) return;
      const gone = crashed.exitCode === null && crashed.signalCode === null ? once(crashed, 'exit') : undefined;
      crashed.kill('SIGKILL');
      await gone;
    },
    async start() {
      child = spawn('mariadbd', [...where, ...settings, ...files], { env, stdio: 'ignore' });
      await until('MariaDB lets somebody in', () => letsIn(url), 60_000);
    },
    holdCommits: () => holdCommits(url),
    async stop() {
      await server.crash();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** As a backup does. */
async function holdCommits(url: string): Promise<() => Promise<void>> {
  const connection = await mysql.createConnection(url);
  await connection.query('BACKUP STAGE START');
  await connection.query('BACKUP STAGE BLOCK_COMMIT');
  return () => connection.end();
}

async function letsIn(url: string): Promise<boolean> {
  try {
    const connection = await mysql.createConnection(url);
    await connection.end();
    return true;
  } catch {
    return false;
  }
}
