import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const keeper = fileURLToPath(new URL('postgres-keeper.mjs', import.meta.url));

/**
 * Starts a PostgreSQL of its own on a free port, with its data in a temporary folder. It ends with this process, however that
 * ends, and nothing of it is left.
 * `stop` ends it and removes the data; `restart` cuts every connection and starts it again.
 * @param {{ settings?: Record<string, string | number>, signal?: AbortSignal }} [options] the signal gives the start up
 * @returns {Promise<{ url: string, stop(): Promise<void>, restart(): Promise<void> }>}
 */
export async function startPostgres({ settings = {}, signal } = {}) {
  const folder = mkdtempSync(join(temporaryFolder(), 'sluice-postgres-'));
  const flags = Object.entries({ fsync: 'off', ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // In a group of its own: Ctrl-C in a terminal is for who uses the server.
  const child = spawn(process.execPath, [keeper, '-D', join(folder, 'data'), ...flags], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
    windowsHide: true,
  });
  const ended = new Promise((resolve) => {
    child.on('error', resolve);
    child.on('close', resolve);
  });
  // One that has ended takes no orders.
  child.stdin.on('error', () => {});
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const stop = async () => {
    child.stdin.end();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const giveUp = () => child.stdin.end();
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    const { url } = await answerOf(answers);
    signal?.throwIfAborted();
    const restart = async () => {
      child.stdin.write('restart\n');
      await answerOf(answers);
    };
    return { url, stop, restart };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

async function answerOf(answers) {
  const { value = '{"error":"it ended without a word"}' } = await answers.next();
  const { url, error } = JSON.parse(value);
  if (error === undefined) return { url };
  throw new Error(
    `The embedded PostgreSQL did not start. Set DATABASE_URL to use another one; where its temporary folder is the reason, set TMPDIR.\n${error}`,
  );
}

/** For root, one that the user can reach who runs the server. */
function temporaryFolder() {
  const folder = tmpdir();
  return process.getuid?.() !== 0 || isOpenToAll(folder) ? folder : '/tmp';
}

function isOpenToAll(folder) {
  const parent = dirname(folder);
  return (statSync(folder).mode & 0o001) !== 0 && (parent === folder || isOpenToAll(parent));
}
