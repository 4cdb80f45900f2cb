// Programs that know the packed package alone, outside of the repository: toys of its ports, and one that has both of its
// module forms. Their types are checked against its declarations, strictly, and their tests pass with node:test.
// What a program exports of the package has types with names.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackInto } from './unpack.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sluice-packed-'));
try {
  unpackInto(folder, root);
  cpSync(join(root, 'test/packed'), folder, { recursive: true });
  const files = readdirSync(folder).filter((file) => file.endsWith('.test.mts'));
  if (files.length < 5) throw new Error('programs are missing');
  // What a program in TypeScript has for node:test; with these alone the declarations of the ports compile.
  for (const name of ['@types/node', 'undici-types'])
    cpSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true });
  compile(folder, 'a program cannot be typed with what the package exports');
  const options = { cwd: folder, encoding: 'utf8' };
  const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', ...files], options);
  if (status !== 0) throw new Error(`a program does not pass its tests\n${stdout}`);
  console.log(`${files.length} programs have the types of the packed package, and pass their tests.`);
  // Next to the packages that it works with.
  rmSync(join(folder, 'node_modules/@types'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    const target = join(folder, 'node_modules', name);
    if (!existsSync(target)) symlinkSync(join(root, 'node_modules', name), target);
  }
  compile(join(folder, 'named'), 'what the package gives has a type that a program cannot name');
  console.log('What a program exports of the package has types that it can name.');
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function compile(project, complaint) {
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [compiler, '--project', project], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${complaint}\n${stdout}`);
}
