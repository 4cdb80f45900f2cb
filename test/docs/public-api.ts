import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = fileURLToPath(new URL('./list-public-names.ts', import.meta.url));

/** An export of an entry point, or a public member of one. */
export interface PublicName {
  /** `sluice/cache: Cache.getOrSet` */
  readonly name: string;
  /** `sluice/cache` */
  readonly entry: string;
  /** The name of an export; undefined for a member of one. */
  readonly exported: string | undefined;
  /** Where it is declared, as `src/cache/cache.ts:12`. */
  readonly at: string;
  /** The text of its doc comment, without tags; empty where there is none. */
  readonly comment: string;
  /** The TypeScript blocks of its doc comment. */
  readonly examples: readonly string[];
}

/** The entry points of package.json, each with its source file. */
export function entryPoints(folder: string = root): ReadonlyMap<string, string> {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { import: { default: string } }>;
  };
  return new Map(
    Object.entries(exports).flatMap(([name, target]) =>
      typeof target === 'string'
        ? []
        : [[name.replace('.', 'sluice'), target.import.default.replace('./dist', 'src').replace(/js$/, 'ts')]],
    ),
  );
}

/** All that the entry points export, with the public members: each declaration once. Members of other packages are left out. */
export function publicNames(config = 'tsconfig.build.json', folder: string = root): PublicName[] {
  // The compiler that is asked has last words of its own, which would be lines among those of the tests.
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, config, folder], {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as PublicName[];
}
