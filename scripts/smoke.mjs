// Runs the built package on the lowest Node.js that `engines` names, and on a late one of that line.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPostgres } from './embedded-postgres.mjs';
import { root } from './entry-points.mjs';

const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const lowest = /^>=(\d+\.\d+)$/.exec(engines.node)?.[1];
if (lowest === undefined) throw new Error(`engines.node is no lowest version: ${engines.node}`);
// Exact versions, so that every run uses the same ones.
const versions = [`${lowest}.0`, '22.23.3'];

const server = process.env.DATABASE_URL ? undefined : await startPostgres();
try {
  for (const version of versions) runOn(version, server?.url ?? process.env.DATABASE_URL);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await server?.stop();
}

/** The packages with the binaries of Node.js are named after their platform. */
function runOn(version, url) {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const binary = `node-${platform}-${process.arch}@${version}`;
  const program = join(root, 'scripts/smoke-program.mjs');
  execFileSync('npm', ['exec', '--yes', `--package=${binary}`, '--', 'node', program, version], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, DATABASE_URL: url },
  });
}
