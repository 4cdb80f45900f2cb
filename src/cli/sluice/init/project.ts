import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type EngineName = 'postgres' | 'mysql';
export type LibraryName = 'mikro-orm' | 'typeorm' | 'prisma' | 'drizzle' | 'kysely' | 'knex';
export type FrameworkName = 'nestjs' | 'fastify' | 'express' | 'hono';

/** What a program is made of, as its package.json says. */
export interface Project {
  readonly folder: string;
  readonly language: 'typescript' | 'javascript';
  /** How files of the language are loaded. */
  readonly modules: 'esm' | 'commonjs';
  readonly engine: EngineName;
  readonly library: LibraryName | undefined;
  readonly framework: FrameworkName | undefined;
  /** The names of the packages that it depends on. */
  readonly packages: ReadonlySet<string>;
}

/** Something in the way of a starting file, as a sentence for the person who asked for one. */
export class InitFailure extends Error {}

const libraries: readonly (readonly [string, LibraryName])[] = [
  ['@mikro-orm/core', 'mikro-orm'],
  ['typeorm', 'typeorm'],
  ['@prisma/client', 'prisma'],
  ['drizzle-orm', 'drizzle'],
  ['kysely', 'kysely'],
  ['knex', 'knex'],
];
const frameworks: readonly (readonly [string, FrameworkName])[] = [
  ['@nestjs/core', 'nestjs'],
  ['fastify', 'fastify'],
  ['express', 'express'],
  ['hono', 'hono'],
];

/** Looks at a program. @throws InitFailure */
export function readProject(folder: string): Project {
  const manifest = readManifest(join(folder, 'package.json'));
  const packages = new Set([manifest['dependencies'], manifest['devDependencies']].flatMap(namesIn));
  const isTypeScript = packages.has('typescript') || existsSync(join(folder, 'tsconfig.json'));
  return {
    folder,
    language: isTypeScript ? 'typescript' : 'javascript',
    modules: manifest['type'] === 'module' ? 'esm' : 'commonjs',
    engine: packages.has('mysql2') && !packages.has('pg') ? 'mysql' : 'postgres',
    library: libraries.find(([name]) => packages.has(name))?.[1],
    framework: frameworks.find(([name]) => packages.has(name))?.[1],
    packages,
  };
}

function readManifest(file: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new InitFailure(`${file} cannot be read. Run this in the folder of your program, or give --dir <folder>.`);
  }
  try {
    const manifest: unknown = JSON.parse(text);
    if (typeof manifest === 'object' && manifest !== null && !Array.isArray(manifest)) return { ...manifest };
  } catch {
    // Said below.
  }
  throw new InitFailure(`${file} holds no JSON object. Correct it first.`);
}

function namesIn(dependencies: unknown): readonly string[] {
  return typeof dependencies === 'object' && dependencies !== null ? Object.keys(dependencies) : [];
}
