import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entryPoints } from './public-api.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Example {
  /** The name of its file, without an extension. */
  readonly name: string;
  readonly code: string;
}

/** Options for examples with the decorators of Nest. */
export const legacyDecorators = {
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  erasableSyntaxOnly: false,
} as const;

/**
 * Compiles each example as a module that imports from the package as a user does.
 * @param folder a new one, three folders below the root
 * @returns what the compiler says; empty where all is well
 */
export function compile(folder: string, examples: readonly Example[], options: object = {}): string {
  for (const { name, code } of examples) writeFileSync(join(folder, `${name}.ts`), code);
  const paths = Object.fromEntries([...entryPoints()].map(([name, file]) => [name, [`../../../${file}`]]));
  const config = {
    extends: '../../../tsconfig.json',
    compilerOptions: { paths, noUnusedLocals: false, exactOptionalPropertyTypes: false, ...options },
    include: ['*.ts'],
    exclude: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout, stderr } = spawnSync(process.execPath, [compiler, '--project', folder], { encoding: 'utf8' });
  return stdout + stderr;
}
