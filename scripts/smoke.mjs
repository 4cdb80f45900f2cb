// Runs the built package on the lowest Node.js that `engines` names and on a late one of that line, and sees it refuse an older one.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPostgres } from './embedded-postgres.mjs';
import { root } from './entry-points.mjs';

const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const lowest = /^>=(\d+\.\d+)$/.exec(engines.node)?.[1];
if (lowest === undefined) throw new Error(`engines.node is no lowest version: ${engines.node}`);
// Exact versions, so that every run uses the same ones.
const versions = [`${lowest}.0`, '22.23.3'];
const tooOld = '20.20.0';

const server = process.env.DATABASE_URL ? undefined : await startPostgres();
try {
  for (const version of versions) runOn(version, server?.url ?? process.env.DATABASE_URL);
  for (const load of ["import('sluice')", "require('sluice/cache')"]) refusedBy(tooOld, load);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await server?.stop();
}

function runOn(version, url) {
  const program = join(root, 'scripts/smoke-program.mjs');
  execFileSync('npm', ['exec', '--yes', binaryOf(version), '--', 'node', program, version], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, DATABASE_URL: url },
  });
}

function refusedBy(version, load) {
  const program = ['node', '--eval', load];
  const { status, stderr } = spawnSync('npm', ['exec', '--yes', binaryOf(version), '--', ...program], {
    cwd: root,
    encoding: 'utf8',
  });
  const isRefused = status !== 0 && stderr.includes('UNSUPPORTED_NODE') && stderr.includes(`Node.js ${version},`);
  if (!isRefused) throw new Error(`${load} on Node.js ${version} is not refused: exit ${status}\n${stderr}`);
  console.log(`Node.js ${version} is refused by name.`);
}

/** The packages with the binaries of Node.js are named after their platform. */
function binaryOf(version) {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  return `--package=node-${platform}-${process.arch}@${version}`;
}
