import { chownSync, cpSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../../scripts/embedded-postgres.mjs';
import { crash, type EmbeddedServer, folderOf } from './own/postgres.ts';
import { until } from './settled.ts';

/** A PostgreSQL and a standby that follows it, each of a test's own. */
export interface StreamingStandby {
  readonly primary: EmbeddedServer;
  readonly standby: EmbeddedServer;
  readonly stop: () => Promise<void>;
}

/** @param settings of the standby, besides those that let it follow */
export async function startStandby(settings: Readonly<Record<string, string>> = {}): Promise<StreamingStandby> {
  const [primary, standby] = await Promise.all([startPostgres(), startPostgres()]);
  const stop = async (): Promise<void> => void (await Promise.all([standby.stop(), primary.stop()]));
  try {
    await becomeCopy(primary, standby, settings);
    // With the files it has got the users of the primary.
    const url = new URL(primary.url);
    url.port = new URL(standby.url).port;
    return { primary, standby: { ...standby, url: url.href }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The files of the primary in place of those of the other server, which is ended before that and started again on them. */
async function becomeCopy(
  primary: EmbeddedServer,
  standby: EmbeddedServer,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  try {
    const [from, to] = [await folderOf(primary), await folderOf(standby)];
    await client.query("select pg_backup_start('standby', true)");
    const copy = `${to}.copy`;
    cpSync(from, copy, { recursive: true, filter: (path) => !path.endsWith('postmaster.pid') });
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
    const { hostname, port, username, password } = new URL(primary.url);
    const login = `user=${username} password=${password}`;
    const all = { ...settings, primary_conninfo: `host=${hostname} port=${port} ${login}` };
    writeFileSync(join(copy, 'backup_label'), rows[0]?.labelfile ?? '');
    writeFileSync(join(copy, 'standby.signal'), '');
    writeFileSync(
      join(copy, 'postgresql.auto.conf'),
      Object.entries(all)
        .map(([name, value]) => `${name} = '${value}'\n`)
        .join(''),
    );
    ownLike(copy, to);
    await crash(to);
    rmSync(to, { recursive: true, force: true });
    renameSync(copy, to);
    await standby.restart();
    await until(
      'the standby follows',
      async () => (await client.query("select from pg_stat_replication where state = 'streaming'")).rowCount === 1,
    );
  } finally {
    await client.end();
  }
}

/** A server runs as another user than root. */
function ownLike(folder: string, model: string): void {
  const { uid, gid } = statSync(model);
  for (const file of ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })])
    chownSync(join(folder, file), uid, gid);
}
