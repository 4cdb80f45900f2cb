// A worker with nothing but what it has started: it lives until that is stopped, or its database closed, and ends by itself then.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('programs/started-alone.ts', import.meta.url));
const limit = { timeout: 120_000 };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-alone-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.each(['sagas', 'events', 'relay', 'outbox'])('a process that has only started %s on SQLite', (what) => {
  it.each(['stop', 'close'])('lives until %s(), and ends with 0', limit, async (how) => {
    const sign = join(folder, 'end');
    const child = spawn(process.execPath, [program, what, how, join(folder, 'shop.db'), sign]);
    const [out, errors]: [string[], string[]] = [[], []];
    child.stdout.on('data', (chunk) => out.push(String(chunk)));
    child.stderr.on('data', (chunk) => errors.push(String(chunk)));
    const ended = once(child, 'close').then(() => 'ended');
    try {
      await Promise.race([once(child.stdout, 'data'), ended]);
      // A process with nothing to wait for ends at once: that it does not, only time can show.
      expect(await Promise.race([ended, setTimeout(1_000, 'lives')])).toBe('lives');
      writeFileSync(sign, '');
      await ended;
      const { exitCode } = child;
      expect({ out: out.join(''), exitCode }).toEqual({ out: 'started\nending\n', exitCode: 0 });
      // What goes on over a closed database says so.
      if (how === 'stop') expect(errors.join('')).toBe('');
    } finally {
      child.kill('SIGKILL');
    }
  });
});
