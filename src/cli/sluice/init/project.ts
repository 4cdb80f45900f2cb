import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type EngineName = 'postgres' | 'mysql' | 'sqlite';
export type LibraryName = 'mikro-orm' | 'typeorm' | 'prisma' | 'drizzle' | 'kysely' | 'knex';
export type FrameworkName = 'nestjs' | 'fastify' | 'express' | 'hono';

/** What a program is made of, as its package.json says. */
export interface Project {
  readonly folder: string;
  readonly language: 'typescript' | 'javascript';
  /** How files of the language are loaded. */
  readonly modules: 'esm' | 'commonjs';
  /** What its driver is for; nothing where it depends on no driver that is known. */
  readonly engine: EngineName | undefined;
  readonly libraries: readonly FoundLibrary[];
  readonly framework: FrameworkName | undefined;
  /** The names of the packages that it depends on. */
  readonly packages: ReadonlySet<string>;
  /** Whether its packages are in folders of their own. */
  readonly isWorkspaceRoot: boolean;
}

/** A library, and the version of it that is too old where it is one. */
export interface FoundLibrary {
  readonly name: LibraryName;
  readonly tooOld?: { readonly version: string; readonly needed: string } | undefined;
}

/** Something in the way of a starting file, as a sentence for the person who asked for one. */
export class InitFailure extends Error {}

/** The package of each library, and from which version on it works. */
const libraries: readonly (readonly [string, LibraryName, string])[] = [
  ['@mikro-orm/core', 'mikro-orm', '7'],
  ['typeorm', 'typeorm', '0.3'],
  ['@prisma/client', 'prisma', '7'],
  ['drizzle-orm', 'drizzle', '0.36'],
  ['kysely', 'kysely', '0.27'],
  ['knex', 'knex', '3'],
];
const drivers: readonly (readonly [string, EngineName])[] = [
  ['pg', 'postgres'],
  ['@prisma/adapter-pg', 'postgres'],
  ['postgres', 'postgres'],
  ['mysql2', 'mysql'],
  ['better-sqlite3', 'sqlite'],
  ['sqlite3', 'sqlite'],
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
  const versions = new Map([manifest['dependencies'], manifest['devDependencies']].flatMap(entriesOf));
  const packages = new Set(versions.keys());
  const isTypeScript = packages.has('typescript') || existsSync(join(folder, 'tsconfig.json'));
  return {
    folder,
    language: isTypeScript ? 'typescript' : 'javascript',
    modules: manifest['type'] === 'module' ? 'esm' : 'commonjs',
    engine: drivers.find(([name]) => packages.has(name))?.[1],
    libraries: libraries
      .filter(([name]) => packages.has(name))
      .map(([name, library, needed]) => {
        const version = installedVersion(folder, name) ?? String(versions.get(name));
        return { name: library, tooOld: isOlder(version, needed) ? { version, needed } : undefined };
      }),
    framework: frameworks.find(([name]) => packages.has(name))?.[1],
    packages,
    isWorkspaceRoot: manifest['workspaces'] !== undefined || existsSync(join(folder, 'pnpm-workspace.yaml')),
  };
}

/** The version that is there, whatever package.json asks for. */
function installedVersion(folder: string, name: string): string | undefined {
  try {
    const { version } = JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')) as {
      readonly version?: unknown;
    };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a version, or all that a range like ^5.0.0 allows, is before another. What is neither is not. */
function isOlder(version: string, needed: string): boolean {
  const [, major = '', minor = '0'] = /^[\^~=v]*(\d+)(?:\.(\d+))?/.exec(version) ?? [];
  if (major === '') return false;
  const [neededMajor = 0, neededMinor = 0] = needed.split('.').map(Number);
  return Number(major) === neededMajor ? Number(minor) < neededMinor : Number(major) < neededMajor;
}

function readManifest(file: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    // Some editors begin a file with a byte order mark.
    text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
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

function entriesOf(dependencies: unknown): readonly (readonly [string, unknown])[] {
  return typeof dependencies === 'object' && dependencies !== null ? Object.entries(dependencies) : [];
}
