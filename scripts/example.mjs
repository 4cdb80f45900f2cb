// Installs the built package into each example as a user would, checks its types and runs its tests.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Those that were named, or all. */
const named = process.argv.slice(2);
const examples = named.length > 0 ? named : readdirSync(join(root, 'examples'));
const packed = mkdtempSync(join(tmpdir(), 'sluice-example-'));
try {
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', packed], { cwd: root, encoding: 'utf8' }),
  );
  for (const example of examples) {
    const folder = join(root, 'examples', example);
    run(folder, 'npm', ['ci', '--silent']);
    const target = join(folder, 'node_modules/sluice');
    mkdirSync(target);
    execFileSync('tar', ['--extract', '--file', join(packed, filename), '--strip-components=1', '--directory', target]);
    run(folder, process.execPath, [compilerOf(folder), '--project', folder]);
    run(folder, 'npm', ['test', '--silent']);
  }
} finally {
  rmSync(packed, { recursive: true, force: true });
}

/** Its own, where it has one. */
function compilerOf(folder) {
  const has = readdirSync(join(folder, 'node_modules')).includes('typescript');
  return join(has ? folder : root, 'node_modules/typescript/bin/tsc');
}

function run(folder, command, args) {
  // `prisma generate` needs no engine, and would otherwise download the one for migrations.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' };
  const { status } = spawnSync(command, args, { cwd: folder, env, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed in ${folder}`);
}
