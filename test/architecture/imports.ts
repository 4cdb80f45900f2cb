import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { inside, rules } from './rules.ts';

/** An import of a file, types and re-exports included. */
interface Import {
  readonly from: string;
  readonly specifier: string;
}

export interface Findings {
  readonly files: number;
  readonly imports: number;
  readonly violations: readonly string[];
}

const importPattern =
  /^(?:import|export)\s[^;'"=()]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

/** Holds every import below `root` against the rules. */
export function checkImports(root: string): Findings {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const imports = files.flatMap((file) => importsOf(root, file));
  const violations = imports.flatMap((each) => violationOf(root, each) ?? []);
  return { files: files.length, imports: imports.length, violations: [...violations, ...cycles(root, imports)] };
}

function importsOf(root: string, file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(importPattern)].map((match) => ({
    from: file,
    specifier: match[1] ?? match[2] ?? match[3] ?? '',
  }));
}

function violationOf(root: string, { from, specifier }: Import): string | undefined {
  if (specifier.startsWith('node:')) return undefined;
  const folder = folderOf(from);
  const rule = rules[folder];
  const told = `${from} imports ${specifier}`;
  if (rule === undefined) return `${from} is in a folder without a rule`;
  if (!specifier.startsWith('.')) {
    return rule.packages.includes(packageOf(specifier)) ? undefined : `${told}: not a package of ${folder}`;
  }
  const target = relative(root, resolve(root, dirname(from), specifier));
  const targetFolder = folderOf(target);
  if (targetFolder === folder) return insideViolation(told, folder, from, target);
  if (!rule.folders.includes(targetFolder)) return `${told}: ${folder} may not import ${targetFolder}`;
  return target.endsWith(`${sep}index.ts`) || target === 'index.ts' ? undefined : `${told}: only through its index.ts`;
}

/** Of an import that stays in a folder: the folders inside of it point one way. */
function insideViolation(told: string, folder: string, from: string, target: string): string | undefined {
  const [inner, targetInner] = [innerFolder(folder, from), innerFolder(folder, target)];
  if (inner === targetInner || inner === '') return undefined;
  const order = inside[folder] ?? [];
  if (!order.includes(inner)) return `${from} is in a folder inside of ${folder} that has no rule`;
  // A file that all of them may import is named like a folder.
  if (targetInner === '' && order.includes(basename(target))) return undefined;
  if (targetInner !== '' && order.indexOf(targetInner) < order.indexOf(inner)) return undefined;
  return `${told}: ${inner} may not import ${targetInner === '' ? `the files of ${folder}` : targetInner}`;
}

/** `ambient-pool` for `drivers/postgres/ambient-pool/pool.ts`; empty for the files of the folder itself. */
function innerFolder(folder: string, file: string): string {
  return dirname(relative(folder, file)).replace(/^\.$/, '').split(sep)[0] ?? '';
}

function cycles(root: string, imports: readonly Import[]): string[] {
  const next = new Map<string, string[]>();
  for (const { from, specifier } of imports) {
    if (!specifier.startsWith('.')) continue;
    const to = relative(root, resolve(root, dirname(from), specifier));
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push(`cycle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
    else if (!done.has(file)) {
      for (const to of next.get(file) ?? []) visit(to, [...path, file]);
      done.add(file);
    }
  };
  for (const file of next.keys()) visit(file, []);
  return found;
}

/**
 * The deepest folder of a file that has a rule, which folders inside of it belong to: `drivers/postgres/ambient-pool/pool.ts` is in
 * `drivers/postgres`, `core/clock.ts` in `core`, `index.ts` in `.`.
 */
function folderOf(file: string): string {
  const parts = file.split(sep).slice(0, -1);
  const folders = parts.map((_, index) => parts.slice(0, parts.length - index).join('/'));
  return folders.find((folder) => folder in rules) ?? (parts.join('/') || '.');
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
