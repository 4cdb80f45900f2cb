import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { harmless } from '../../terminal/text.ts';
import type { Check, Finding } from '../finding.ts';
import type { Project } from './project.ts';

/** Packages of which one process should have one copy, and what two of them lead to. */
const single: Readonly<Record<string, string>> = {
  sluice: "two of different versions do not know each other's transactions (MIXED_VERSIONS)",
  pg: "type parsers that are set on one are not those of the other, and errors of one are no instances of the other's DatabaseError",
};

/** Two copies of a package of which there should be one. */
export const copies: Check<Project> = {
  name: 'copies of packages',
  look({ folder }) {
    const found = [...nodeModulesAround(folder)].flatMap((modules) => [...packagesIn(modules)]);
    return Object.entries(single).flatMap(([name, consequence]) => {
      const places = [...new Set(found.filter((each) => each.name === name).map(({ path }) => path))];
      return places.length < 2 ? [] : [finding(folder, name, places.sort(), consequence)];
    });
  },
};

function finding(folder: string, name: string, places: readonly string[], consequence: string): Finding {
  const versions = places.map((place) => `${versionOf(place)} in ${harmless(relative(folder, place) || '.')}`);
  return {
    code: 'TWO_COPIES',
    severity: 'warning',
    what: `There are ${places.length} copies of ${name} (${versions.join(', ')}): ${consequence}`,
    remedy: `See who asks for them (npm ls ${name}), ask for one version, and deduplicate (npm dedupe)`,
  };
}

/** The folders from which the program's modules are loaded: its own, and those of the workspace around it. */
function* nodeModulesAround(folder: string): Generator<string> {
  for (let at = folder; ; at = dirname(at)) {
    const modules = join(at, 'node_modules');
    if (existsSync(modules)) yield modules;
    // Beyond the root of a repository there is nothing of it.
    if (dirname(at) === at || existsSync(join(at, '.git'))) return;
  }
}

/** The packages of a folder `node_modules` that are looked for, those inside of other packages too, each by where it really is. */
function* packagesIn(modules: string, depth = 0): Generator<{ readonly name: string; readonly path: string }> {
  if (depth > 10) return;
  for (const { name, path, isLink } of entriesOf(modules)) {
    if (Object.hasOwn(single, name) && existsSync(join(path, 'package.json'))) yield { name, path: realpathSync(path) };
    // What a link leads to is a package of the workspace, or one that is found where it lies.
    if (!isLink) yield* packagesIn(join(path, 'node_modules'), depth + 1);
  }
  // Where pnpm and its like keep all packages.
  for (const store of ['.pnpm', '.store']) {
    for (const { path } of entriesOf(join(modules, store))) yield* packagesIn(join(path, 'node_modules'), depth + 1);
  }
}

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly isLink: boolean;
}

function* entriesOf(modules: string, scope = ''): Generator<Entry> {
  let entries;
  try {
    entries = readdirSync(modules, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    if (entry.name.startsWith('.') || !(entry.isDirectory() || entry.isSymbolicLink())) continue;
    const path = join(modules, entry.name);
    if (entry.name.startsWith('@') && scope === '' && !entry.name.includes('+'))
      yield* entriesOf(path, `${entry.name}/`);
    else yield { name: `${scope}${entry.name}`, path, isLink: entry.isSymbolicLink() };
  }
}

function versionOf(place: string): string {
  try {
    const { version } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as { version?: unknown };
    return typeof version === 'string' ? harmless(version).slice(0, 40) : '?';
  } catch {
    return '?';
  }
}
