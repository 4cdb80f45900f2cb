import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The entry points of the package, in the order of its `exports`.
 * @returns {{ name: string, types: string, code: string }[]} those of the ES modules; paths are relative to the root of the repository
 */
export function entryPoints() {
  const { name, exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return Object.entries(exports)
    .filter(([, target]) => typeof target === 'object')
    .map(([path, { import: target }]) => ({
      name: path.replace('.', name),
      types: target.types,
      code: target.default,
    }));
}
