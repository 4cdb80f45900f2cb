import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A change of the code that takes something out. */
export interface Change {
  /** Below `src`. */
  readonly file: string;
  /** Occurs there once. */
  readonly find: string;
  readonly replace: string;
}

/** A copy of the project in a folder, with one change. @returns where it is */
export function copyWith(folder: string, change: Change | undefined): string {
  const copy = mkdtempSync(join(folder, 'mutant-'));
  for (const name of ['src', 'test', 'chaos', 'scripts', 'package.json', 'tsconfig.json', 'vitest.config.ts'])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  if (change === undefined) return copy;
  const file = join(copy, 'src', change.file);
  const parts = readFileSync(file, 'utf8').split(change.find);
  // A mutant of code that was changed since would be none.
  if (parts.length !== 2) throw new Error(`"${change.find}" is ${parts.length - 1} times in ${change.file}`);
  writeFileSync(file, parts.join(change.replace));
  return copy;
}
