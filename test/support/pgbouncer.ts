import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from './redis-server.ts';
import { until } from './settled.ts';
import { noteSkipped } from './skipped.ts';

/** Debian has it where only root's paths lead. */
const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;

/** A PgBouncer of a test's own, in front of a PostgreSQL. */
export interface OwnPgBouncer {
  readonly url: string;
  stop(): Promise<void>;
}

export interface PgBouncerOptions {
  readonly mode: 'transaction' | 'session';
  /** How many connections it has to the server. */
  readonly poolSize: number;
  /** It keeps track of prepared statements, if it can. Default: it does not. */
  readonly tracks?: boolean | undefined;
  /** Lines of its configuration besides. */
  readonly settings?: Readonly<Record<string, string | number>> | undefined;
}

/** `PgBouncer 1.18.0`; nothing where there is none. */
function version(): string | undefined {
  const { status, stdout } = spawnSync('pgbouncer', ['--version'], { env: { PATH: path }, encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
}

/** As `tracksStatements`; that it cannot is said. */
export function hasTrackingPgBouncer(): boolean {
  const tracks = tracksStatements();
  if (!tracks) noteSkipped('To keep track of prepared statements pgbouncer has to be 1.21 or newer.');
  return tracks;
}

/** Whether it can keep track of prepared statements, which 1.21 is the first to do. */
function tracksStatements(): boolean {
  const [, minor = '0'] = /^PgBouncer 1\.(\d+)/.exec(version() ?? '') ?? [];
  return Number(minor) >= 21;
}

/** Whether there is the program `pgbouncer`; that there is none is said loudly, and is an error in CI. */
export function hasPgBouncer(): boolean {
  if (version() !== undefined) return true;
  if (process.env['CI'] !== undefined) throw new Error('pgbouncer is not installed: nothing was tested');
  noteSkipped('The program pgbouncer is not installed.');
  return false;
}

/** @param server the URL of a database on the server behind it */
export async function startPgBouncer(server: string, options: PgBouncerOptions): Promise<OwnPgBouncer> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-pgbouncer-'));
  const port = await freePort();
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(file, configuration(new URL(server), port, options));
  // As root it runs as another user, who must be able to read this.
  await chmod(folder, 0o755);
  const asUser = userInfo().uid === 0 ? ['-u', 'nobody'] : [];
  const child = spawn('pgbouncer', [...asUser, file], { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: path } });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log = (log + String(chunk)).slice(-2_000)));
  await until('pgbouncer listens', async () => {
    if (child.exitCode !== null) throw new Error(`pgbouncer has ended:\n${log}`);
    return await listens(port);
  });
  const url = new URL(server);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href,
    async stop() {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(
  server: URL,
  port: number,
  { mode, poolSize, tracks = false, settings = {} }: PgBouncerOptions,
): string {
  const user = decodeURIComponent(server.username);
  const password = decodeURIComponent(server.password);
  const login = `user=${user}${password === '' ? '' : ` password=${password}`}`;
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: mode,
    default_pool_size: poolSize,
    max_client_conn: 500,
    ignore_startup_parameters: 'extra_float_digits,options',
    ...(tracksStatements() ? { max_prepared_statements: tracks ? 20 : 0 } : {}),
    ...settings,
  };
  const written = Object.entries(lines).map(([name, value]) => `${name} = ${value}`);
  return [
    '[databases]',
    `* = host=${server.hostname} port=${server.port || 5432} ${login}`,
    '[pgbouncer]',
    ...written,
    '',
  ].join('\n');
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
