import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { useTestDatabase } from '../support/database.ts';

const server = useTestDatabase('create sequence ids');
const program = fileURLToPath(new URL('files-entered.ts', import.meta.url));
let entered: Record<string, readonly string[]>;

beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [program, server.url], { timeout: 60_000 });
  entered = JSON.parse(stdout) as typeof entered;
}, 70_000);

// Each is a file that a reader of the call has to open: a layer that only passes on is to go.
it.each([
  ['a transaction of one statement', 'statement', 34],
  ['a job that is pushed in a transaction', 'push', 48],
  ['a commit with a cache', 'cache', 43],
])('%s goes through no more files than it needs', (_what, call, most) => {
  const files = entered[call] ?? [];
  expect(files).toContain('transaction/propagate.ts');
  expect(files.length, files.join('\n')).toBeLessThanOrEqual(most);
});
