// Installs the built package into the example as a user would, checks its types and runs its tests.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const example = join(root, 'examples/checkout');
const packed = mkdtempSync(join(tmpdir(), 'sluice-example-'));
try {
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', packed], { cwd: root, encoding: 'utf8' }),
  );
  run('npm', ['ci', '--silent']);
  const target = join(example, 'node_modules/sluice');
  mkdirSync(target);
  execFileSync('tar', ['--extract', '--file', join(packed, filename), '--strip-components=1', '--directory', target]);
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--project', example]);
  run('npm', ['test', '--silent']);
} finally {
  rmSync(packed, { recursive: true, force: true });
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: example, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`);
}
