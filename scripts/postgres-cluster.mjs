import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { postgresPrograms, serverAccount } from './postgres-binaries.mjs';

/** How long a server may take to stop, in milliseconds; then it is stopped without care for its data. */
const patience = 5_000;
/** Another program may take the port that was free just now. */
const attempts = 3;
const isReady = 'system is ready to accept';

/**
 * Makes a cluster in the folder `data`, whose parent is for it alone; it listens on 127.0.0.1 only, and has a password that
 * nobody knows: its superuser can run programs.
 * @param {string} data
 * @param {string[]} flags for the server
 * @param {AbortSignal} signal ends the making
 */
export async function createCluster(data, flags, signal) {
  const folder = dirname(data);
  const account = serverAccount();
  const give = (path) => {
    if (account.uid !== undefined) chownSync(path, account.uid, account.gid);
  };
  give(folder);
  const { initdb, postgres } = postgresPrograms(folder, account);
  const password = randomBytes(16).toString('hex');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  give(passwordFile);
  const inFolder = { ...account, cwd: folder };
  const settings = ['--username=postgres', '--auth=password', '--encoding=UTF8', '--no-locale', '--no-sync'];
  const making = runProgram(initdb, [`--pgdata=${data}`, `--pwfile=${passwordFile}`, ...settings], inFolder);
  signal.addEventListener('abort', () => void making.end(), { once: true });
  const result = await making.ended;
  signal.throwIfAborted();
  if (result !== 0) throw new Error(`initdb ended with ${result}\n${making.lastWords()}`);
  const start = (port) => startServer(postgres, ['-D', data, '-p', String(port), ...flags], inFolder);
  return { start, urlAt: (port) => `postgres://postgres:${password}@127.0.0.1:${port}/postgres` };
}

/** Starts what `createCluster` has made on a port that is free. @returns the port and the server */
export async function startOnFreePort({ start }) {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return { port, server: await start(port) };
    } catch (error) {
      if (attempt === attempts) throw error;
    }
  }
}

async function startServer(program, args, options) {
  const here = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
  const server = runProgram(program, [...here, ...args], options);
  const result = await Promise.race([server.heard(isReady), server.ended]);
  if (result !== isReady) throw new Error(`PostgreSQL ended with ${result} when it was started\n${server.lastWords()}`);
  return server;
}

/** A program; one that cannot be run ends with the reason. */
function runProgram(program, args, options) {
  // What it says is read here, and the locale of the environment may not be installed.
  const env = { ...process.env, LC_ALL: 'C' };
  const child = spawn(program, args, { ...options, env, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
  const said = [];
  const listeners = [];
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      if (said.push(line) > 20) said.shift();
      for (const listener of listeners) listener(line);
    });
  }
  const ended = new Promise((resolve) => {
    child.on('error', ({ message }) => resolve(message));
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  return {
    ended,
    lastWords: () => said.join('\n'),
    /** Resolves with the text when a line has it. */
    heard: (text) => new Promise((resolve) => listeners.push((line) => line.includes(text) && resolve(text))),
    async end() {
      if (process.platform === 'win32') spawn('taskkill', ['/pid', String(child.pid), '/f', '/t']);
      else child.kill('SIGINT');
      const timer = setTimeout(() => child.kill('SIGQUIT'), patience);
      await ended;
      clearTimeout(timer);
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
