import { globSync } from 'node:fs';

const pattern = '**/*.{js,mjs,cjs,jsx,ts,mts,cts,tsx}';
/** Folders whose code is another's, is generated, or looks at the database from outside. */
const others = new Set([
  'node_modules',
  'dist',
  'build',
  'out',
  'coverage',
  'test',
  'tests',
  '__tests__',
  'e2e',
  'vendor',
  'public',
]);
/** More than that are not read. */
const most = 20_000;

/** The files of a program, without those of its tests. From its folder, in order. */
export function sourceFiles(folder: string): readonly string[] {
  const files = globSync(pattern, {
    cwd: folder,
    exclude: (name) => others.has(name) || (name.startsWith('.') && name !== '.'),
  });
  return files
    .filter((file) => !/\.(?:test|spec|d|config)\.[cm]?[jt]sx?$/.test(file))
    .slice(0, most)
    .sort();
}
