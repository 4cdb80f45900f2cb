// Runs a task with all that it needs: installs the locked dependencies if they are missing, uses the
// Node.js among them, and starts a PostgreSQL when DATABASE_URL names none. Works on Node.js 20.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tasks = {
  demo: ['src/cli/demo/main.ts'],
  test: ['node_modules/vitest/vitest.mjs', 'run'],
  bench: ['bench/main.ts'],
  'check:cache': ['test/checkers/main.ts'],
};

const [name = '', ...rest] = process.argv.slice(2);
const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
if (task === undefined) {
  console.error(`Usage: node scripts/run.mjs ${Object.keys(tasks).join('|')} [options]`);
  process.exit(2);
}
installIfMissing();
process.exit(await main());

function installIfMissing() {
  if (existsSync(join(root, 'node_modules/.package-lock.json'))) return;
  console.error('Installing the locked dependencies...');
  const npm = process.env.npm_execpath;
  const [command, args] = npm === undefined ? ['npm', ['ci']] : [process.execPath, [npm, 'ci']];
  const { status, signal } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: npm === undefined && process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? (signal === null ? 1 : 128 + constants.signals[signal]));
}

/** @returns what the task has ended with; if it was interrupted, what a shell calls that */
async function main() {
  const interruption = new AbortController();
  // A terminal and npm both pass on an interruption: the task hears of it once more at most.
  const interrupt = (signal) => interruption.abort(128 + constants.signals[signal]);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
  try {
    const code = await runWithDatabase([...task, ...rest], interruption.signal);
    return interruption.signal.aborted ? interruption.signal.reason : code;
  } catch (error) {
    if (interruption.signal.aborted) return interruption.signal.reason;
    console.error(error.message);
    return 1;
  }
}

async function runWithDatabase(args, signal) {
  // The demo on another engine has no use for it.
  const { values } = parseArgs({ args: rest, options: { engine: { type: 'string' } }, strict: false });
  const needsPostgres = name !== 'demo' || (values.engine ?? 'postgres') === 'postgres';
  if (process.env.DATABASE_URL || !needsPostgres) return await run(args, process.env.DATABASE_URL ?? '', signal);
  const { startPostgres } = await import('./embedded-postgres.mjs');
  console.error('DATABASE_URL is not set: starting an embedded PostgreSQL...');
  const server = await startPostgres({ signal });
  try {
    return await run(args, server.url, signal);
  } finally {
    await server.stop();
  }
}

/** Runs Node.js with the arguments; what interrupts this process interrupts that one. */
function run(args, databaseUrl, signal) {
  const node = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
  const child = spawn(existsSync(node) ? node : process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    // What is compiled once is compiled for all the processes that tests start, and for the next time.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node'), ...process.env, DATABASE_URL: databaseUrl },
  });
  const forward = () => child.kill(signal.reason - 128);
  signal.addEventListener('abort', forward, { once: true });
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.on('exit', (code, killedBy) => {
      signal.removeEventListener('abort', forward);
      resolve(code ?? 128 + constants.signals[killedBy]);
    });
  });
}
