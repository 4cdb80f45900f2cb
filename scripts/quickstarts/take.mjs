// Takes the steps of a quick start, one after the other.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';

/** What a step has at most, in milliseconds; the slowest one takes a quarter of it. */
const longest = 240_000;

/** @returns what went wrong, with the line of the page where */
export async function take({ steps, page, check, serves, steady = (text) => text }, { project, packed, env, sql }) {
  const commands = steps.filter(({ run }) => run !== undefined);
  if (commands.length === 0 || !steps.some(({ path }) => path !== undefined)) return 'it says nothing to save and run';
  let output = '';
  for (const { line, path, block, run, printed } of steps) {
    const where = `${page}:${line}`;
    if (path !== undefined) {
      mkdirSync(dirname(join(project, path)), { recursive: true });
      writeFileSync(join(project, path), block);
    } else if (printed !== undefined) {
      if (steady(output) !== steady(printed))
        return `${where} says that this is printed:\n${printed}instead of:\n${output}`;
    } else {
      const command = start(withPackage(run, packed), project, env);
      const isServer = serves !== undefined && run === commands.at(-1).run;
      const failure = isServer
        ? await failureOfServer(command, (ask) => serves({ ask, sql }))
        : await failureOfCommand(command);
      if (failure !== undefined) return `${where}: ${run.trim()}: ${failure}\n${command.said()}`;
      output = command.printed();
    }
  }
  try {
    await check?.({ sql, output });
  } catch (error) {
    return `${page}:${steps[0].line} and below has run, but: ${error.stack}\n${output}`;
  }
  return undefined;
}

/** The packed package in place of the published one. */
function withPackage(run, packed) {
  return run.replaceAll(/^(\s*npm install .*)\bsluice\b/gm, (_, before) => `${before}file:${packed}`);
}

async function portThatIsFree() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a command in a group of its own, with a port that is free. */
function start(command, cwd, env) {
  let printed = '';
  let said = '';
  const started = portThatIsFree().then((port) => {
    const child = spawn('bash', ['-ec', command], {
      cwd,
      env: { ...env, PORT: String(port) },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    child.stdout.on('data', (data) => (printed += data));
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data));
    const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)));
    const end = (signal) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // It has ended.
      }
    };
    return { port, ended, end };
  });
  return { started, printed: () => printed, said: () => said };
}

async function failureOfCommand({ started }) {
  const { ended, end } = await started;
  const status = await within(ended);
  end('SIGKILL');
  if (status === 0) return undefined;
  return status === undefined ? `does not end within ${longest / 1_000} s` : `ended with ${status}`;
}

/** A command that goes on until it is told to end. */
async function failureOfServer({ started }, use) {
  const { port, ended, end } = await started;
  const base = `http://localhost:${port}`;
  try {
    const status = await within(Promise.race([ended, answering(port)]));
    if (status !== true) return status === undefined ? 'does not answer' : `ended with ${status}`;
    await use((path, options) => fetch(new URL(path, base), { ...options, signal: AbortSignal.timeout(20_000) }));
    end('SIGTERM');
    return (await within(ended)) === undefined ? 'does not end after SIGTERM' : undefined;
  } catch (error) {
    return error.stack;
  } finally {
    end('SIGKILL');
  }
}

/** Resolves once something accepts connections there. */
async function answering(port) {
  for (const end = Date.now() + longest; Date.now() < end;) {
    try {
      const socket = connect(port, 'localhost');
      await once(socket, 'connect');
      socket.destroy();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return undefined;
}

/** @returns undefined where it takes too long */
async function within(promise) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, longest)));
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
