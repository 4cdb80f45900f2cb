// Runs the suites of the ports on toys that import the packed package alone, outside of the repository, with node:test.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackInto } from './unpack.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sluice-ports-'));
try {
  unpackInto(folder, root);
  cpSync(join(root, 'test/packed'), folder, { recursive: true });
  const files = readdirSync(folder).filter((file) => file.endsWith('.test.mjs'));
  if (files.length < 3) throw new Error('toys are missing');
  const options = { cwd: folder, encoding: 'utf8' };
  const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', ...files], options);
  if (status !== 0) throw new Error(`a toy does not pass the suite of its port\n${stdout}`);
  console.log(`${files.length} toys pass the suites of their ports with the packed package alone.`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
