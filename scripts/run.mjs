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
process.exitCode = await runWithDatabase([...task, ...rest]);

function installIfMissing() {
  if (existsSync(join(root, 'node_modules/.package-lock.json'))) return;
  console.error('Installing the locked dependencies...');
  const npm = process.env.npm_execpath;
  const [command, args] = npm === undefined ? ['npm', ['ci']] : [process.execPath, [npm, 'ci']];
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: npm === undefined && process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
}

async function runWithDatabase(args) {
  // The demo on another engine has no use for it.
  const { values } = parseArgs({ args: rest, options: { engine: { type: 'string' } }, strict: false });
  const needsPostgres = name !== 'demo' || (values.engine ?? 'postgres') === 'postgres';
  if (process.env.DATABASE_URL || !needsPostgres) return await run(args, process.env.DATABASE_URL ?? '');
  const { startPostgres } = await import('./embedded-postgres.mjs');
  console.error('DATABASE_URL is not set: starting an embedded PostgreSQL...');
  const server = await startPostgres();
  try {
    return await run(args, server.url);
  } finally {
    await server.stop();
  }
}

/** Runs Node.js with the arguments; what interrupts this process interrupts that one. */
function run(args, databaseUrl) {
  const node = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
  const child = spawn(existsSync(node) ? node : process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    // What is compiled once is compiled for all the processes that tests start, and for the next time.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node'), ...process.env, DATABASE_URL: databaseUrl },
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const forward = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.on('exit', (code, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}
