import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../../../scripts/embedded-postgres.mjs';
import { until } from '../settled.ts';
import type { OwnServer } from './server.ts';

export type EmbeddedServer = Awaited<ReturnType<typeof startPostgres>>;

/** That of the package. */
export async function ownPostgres(): Promise<OwnServer> {
  const server = await startPostgres();
  const folder = await folderOf(server);
  return {
    url: server.url,
    crash: () => crash(folder),
    start: () => server.restart(),
    holdCommits: () => holdCommits(server.url),
    stop: () => server.stop(),
  };
}

/** They wait for a standby that there is not. */
async function holdCommits(url: string): Promise<() => Promise<void>> {
  await configure(url, "alter system set synchronous_standby_names = 'nobody'");
  return () => configure(url, 'alter system reset synchronous_standby_names');
}

async function configure(url: string, change: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(change);
    await client.query('select pg_reload_conf()');
  } finally {
    await client.end();
  }
}

/** Where a server has its data. */
export async function folderOf({ url }: EmbeddedServer): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ folder: string }>("select current_setting('data_directory') as folder");
    return rows[0]?.folder ?? '';
  } finally {
    await client.end();
  }
}

/** At once, so that it writes nothing more into its files. */
export async function crash(folder: string): Promise<void> {
  const pid = Number.parseInt(readFileSync(join(folder, 'postmaster.pid'), 'utf8'), 10);
  process.kill(pid, 'SIGQUIT');
  await until('the server has ended', () => !existsSync(join(folder, 'postmaster.pid')));
}
