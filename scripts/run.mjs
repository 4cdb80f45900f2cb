// Runs a task with all that it needs: installs the locked dependencies if they are missing, uses the
// Node.js among them, and starts a PostgreSQL when DATABASE_URL names none. Works on Node.js 20.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const vitest = ['node_modules/vitest/vitest.mjs', 'run'];
const tasks = {
  // The page of the inspector is compiled as it is asked for.
  demo: ['--disable-warning=ExperimentalWarning', 'src/cli/demo/main.ts'],
  test: vitest,
  'test:long': vitest,
  'test:all': vitest,
  bench: ['bench/main.ts'],
  'check:cache': ['test/checkers/main.ts'],
  chaos: ['--disable-warning=ExperimentalWarning', 'chaos/main.ts'],
  'chaos:mutants': ['--disable-warning=ExperimentalWarning', 'chaos/mutants/main.ts'],
};

/** How long a task that was interrupted may take to end, in milliseconds. */
const mostPatience = 20_000;

const [name = '', ...rest] = process.argv.slice(2);
const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
if (task === undefined) {
  console.error(`Usage: node scripts/run.mjs ${Object.keys(tasks).join('|')} [options]`);
  process.exit(2);
}
await installIfMissing();
process.exit(await main());

/** Says every ten seconds that it goes on; npm says nothing but errors. */
async function installIfMissing() {
  if (existsSync(join(root, 'node_modules/.package-lock.json'))) return;
  console.error('Installing the locked dependencies...');
  const npm = process.env.npm_execpath;
  const [command, start] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  const child = spawn(command, [...start, 'ci', '--loglevel=error', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: npm === undefined && process.platform === 'win32',
  });
  const began = performance.now();
  const timer = setInterval(() => console.error(`${Math.round((performance.now() - began) / 1_000)} s...`), 10_000);
  const code = await codeOf(child);
  clearInterval(timer);
  if (code !== 0) process.exit(code);
}

/** npm that is killed takes nothing with it: what it has started would go on without anyone. */
function interruptWithNpm(interrupt) {
  if (process.env.npm_execpath === undefined) return;
  const above = ancestors();
  setInterval(() => {
    if (ancestors() !== above) interrupt('SIGHUP');
  }, 500).unref();
}

/** The process above this one, and, where it can be known, the one above that: npm starts a shell between. */
function ancestors() {
  const parent = process.ppid;
  try {
    // The name, which is in parentheses, may hold anything.
    const [, , grandparent] = /^.*\) (\S+) (\d+)/s.exec(readFileSync(`/proc/${parent}/stat`, 'utf8')) ?? [];
    return `${parent} ${grandparent}`;
  } catch {
    return `${parent}`;
  }
}

/** @returns what the task has ended with; if it was interrupted, what a shell calls that */
async function main() {
  const interruption = new AbortController();
  // A terminal and npm both pass on an interruption: the task hears of it once more at most.
  const interrupt = (signal) => interruption.abort(128 + constants.signals[signal]);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
  interruptWithNpm(interrupt);
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
  // On another engine there is no use for it, and chaos has one of its own.
  const { values } = parseArgs({ args: rest, options: { engine: { type: 'string' } }, strict: false });
  const needsPostgres = !name.startsWith('chaos') && (name !== 'demo' || (values.engine ?? 'postgres') === 'postgres');
  if (process.env.DATABASE_URL || !needsPostgres) {
    if (name.startsWith('test')) await assertAnswers(process.env.DATABASE_URL);
    return await run(args, process.env.DATABASE_URL ?? '', signal);
  }
  const { startPostgres } = await import('./embedded-postgres.mjs');
  console.error('DATABASE_URL is not set: starting an embedded PostgreSQL...');
  const server = await startPostgres({ signal });
  try {
    return await run(args, server.url, signal);
  } finally {
    await server.stop();
  }
}

/** Vitest would say more, and less clearly. */
async function assertAnswers(url) {
  const { hostname = '', port } = URL.canParse(url) ? new URL(url) : {};
  // A socket, or what the driver will refuse.
  if (hostname === '') return;
  const socket = connect({ host: hostname, port: Number(port || 5432), timeout: 5_000 });
  socket.on('timeout', () => socket.destroy(new Error('timeout')));
  try {
    await once(socket, 'connect');
  } catch {
    const remedy = 'Start it, set another DATABASE_URL, or unset it: then a PostgreSQL is started for the tests';
    throw new Error(`The server of DATABASE_URL (${hostname}:${port || 5432}) does not answer. ${remedy}.`);
  } finally {
    socket.destroy();
  }
}

/** Runs Node.js with the arguments; what interrupts this process interrupts that one. */
function run(args, databaseUrl, signal) {
  const node = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
  const child = spawn(existsSync(node) ? node : process.execPath, args, {
    cwd: root,
    // The demo ends when this process does; for its end alone there is a channel.
    stdio: name === 'demo' ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit',
    // What is compiled once is compiled for all the processes that tests start, and for the next time.
    env: {
      NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node'),
      ...process.env,
      DATABASE_URL: databaseUrl,
      SLUICE_TESTS: chosenTests(),
    },
  });
  let patience;
  const forward = () => {
    child.kill(signal.reason - 128);
    patience = setTimeout(() => child.kill('SIGKILL'), mostPatience);
  };
  signal.addEventListener('abort', forward, { once: true });
  return codeOf(child).finally(() => {
    clearTimeout(patience);
    signal.removeEventListener('abort', forward);
  });
}

/** Those that are asked for by name run, however long they are. */
function chosenTests() {
  if (name === 'test:long') return 'long';
  return name === 'test' && !rest.some((path) => existsSync(join(root, path))) ? 'short' : 'all';
}

/** What a process ends with; if a signal has killed it, what a shell calls that. */
function codeOf(child) {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.on('exit', (code, killedBy) => resolve(code ?? 128 + constants.signals[killedBy]));
  });
}
