// What would be published, unpacked where nothing else is installed.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Packs the package and unpacks it below a folder, with what it depends on, as it would come from the registry.
 * @returns the names of its dependencies
 */
export function unpackInto(folder, root) {
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', folder], { cwd: root, encoding: 'utf8' }),
  );
  const target = join(folder, 'node_modules/sluice');
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['--extract', '--file', join(folder, filename), '--strip-components=1', '--directory', target]);
  const names = Object.keys(JSON.parse(readFileSync(join(target, 'package.json'), 'utf8')).dependencies);
  for (const name of names)
    cpSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true });
  return names;
}
