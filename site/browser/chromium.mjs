// Debian's Chromium without a window, spoken to by its DevTools protocol.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** @returns `page`, a tab; and `close` */
export async function startChromium() {
  const profile = mkdtempSync(join(tmpdir(), 'sluice-site-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars'];
  const args = [...flags, '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'];
  const child = spawn(process.env.CHROMIUM ?? 'chromium', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  const address = await addressOf(child);
  const targets = await (await fetch(`http://${new URL(address).host}/json/list`)).json();
  const page = await connect(targets.find(({ type }) => type === 'page').webSocketDebuggerUrl);
  const close = async () => {
    page.close();
    child.kill();
    await exited;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { page, close };
}

async function addressOf(child) {
  child.on('error', (error) => {
    console.error(`Chromium cannot be started: ${error.message}`);
    process.exit(1);
  });
  for await (const line of createInterface({ input: child.stderr })) {
    const [, address] = /^DevTools listening on (.*)$/.exec(line) ?? [];
    if (address !== undefined) {
      child.stderr.resume();
      return address;
    }
  }
  throw new Error('Chromium ended before it listened.');
}

/** A tab: commands are awaited, and what it logs is kept in `problems`. */
async function connect(address) {
  const socket = new WebSocket(address);
  await once(socket, 'open');
  const waiting = new Map();
  const problems = [];
  let loaded;
  let id = 0;
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data);
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
    if (message.method === 'Page.loadEventFired') loaded?.();
    const problem = problemOf(message);
    if (problem !== undefined) problems.push(problem);
  });
  const send = async (method, params = {}) => {
    id += 1;
    const { promise, resolve } = Promise.withResolvers();
    waiting.set(id, resolve);
    socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await promise;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? expression);
    return result.value;
  };
  const open = async (url) => {
    const { promise, resolve } = Promise.withResolvers();
    loaded = resolve;
    await send('Page.navigate', { url });
    await promise;
  };
  for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`);
  return { send, evaluate, open, problems, close: () => socket.close() };
}

function problemOf({ method, params }) {
  if (method === 'Runtime.exceptionThrown') return params.exceptionDetails.exception?.description ?? 'an exception';
  if (method === 'Log.entryAdded' && params.entry.level === 'error')
    return `${params.entry.text} ${params.entry.url ?? ''}`;
  if (method === 'Runtime.consoleAPICalled' && (params.type === 'error' || params.type === 'warning'))
    return params.args.map((arg) => arg.value ?? arg.description).join(' ');
  return undefined;
}
