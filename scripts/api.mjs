// Writes what each entry point offers, from the declarations that were built, into `api`: a change of the public API is a change of
// a file there. `--check` compares instead, and fails where they differ.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { declarationReader } from './declarations.mjs';
import { entryPoints, root } from './entry-points.mjs';

const folder = join(root, 'api');
const read = declarationReader();

/** The entry point that shows a declaration: the first one that exports it. */
const owners = new Map();
const entries = entryPoints().map(({ name, types }) => {
  const file = join(root, types);
  const exported = [...read(file).exported].map(([as, source]) => ({ as, source: declarationOf(source) }));
  for (const { source } of exported) if (!owners.has(keyOf(source))) owners.set(keyOf(source), name);
  return { name, exported };
});
const reports = new Map(entries.map((entry) => [fileNameOf(entry.name), reportOf(entry)]));

if (process.argv.includes('--check')) check();
else write();

function write() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [file, text] of reports) writeFileSync(join(folder, file), text);
  console.log(`Wrote what ${reports.size} entry points offer to api/.`);
}

function check() {
  const names = new Set([...reports.keys(), ...readdirSync(folder)]);
  const differences = [...names].sort().flatMap((file) => differenceOf(file) ?? []);
  if (differences.length > 0) {
    console.error(
      `The public API differs from the report in api/. If that is meant, run npm run api.\n${differences.join('\n')}`,
    );
    process.exit(1);
  }
  console.log(`The public API is as api/ has it: ${reports.size} entry points.`);
}

function differenceOf(file) {
  const expected = reports.get(file);
  if (expected === undefined) return `api/${file}: there is no such entry point`;
  const committed = readIfThere(join(folder, file));
  if (committed === undefined) return `api/${file}: missing`;
  if (committed === expected) return undefined;
  const before = new Set(committed.split('\n'));
  const after = new Set(expected.split('\n'));
  const gone = [...before].filter((line) => !after.has(line)).map((line) => `  - ${line}`);
  const added = [...after].filter((line) => !before.has(line)).map((line) => `  + ${line}`);
  return [`api/${file}:`, ...gone, ...added].join('\n');
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** @returns {string} the report of one entry point, sorted by name */
function reportOf({ name, exported }) {
  const own = exported.filter(({ source }) => owners.get(keyOf(source)) === name);
  const others = exported.filter(({ source }) => owners.get(keyOf(source)) !== name);
  const used = usedBy(own.map(({ source }) => source));
  return [
    `# ${name}`,
    'Written by `npm run api`. Do not edit.',
    ...section('Exports', own.map(({ as, source }) => textOf(as, source)).sort()),
    ...section(
      'Exports of other entry points',
      others.map(({ as, source }) => `export { ${as} } from '${owners.get(keyOf(source))}';`).sort(),
    ),
    ...section('Used by these, and not exported', used.map((source) => textOf(source.name, source)).sort()),
  ]
    .join('\n\n')
    .concat('\n');
}

function section(title, texts) {
  return texts.length === 0 ? [] : [`## ${title}`, `\`\`\`ts\n${texts.join('\n\n')}\n\`\`\``];
}

function textOf(as, source) {
  const { declared } = read(source.module);
  const statements = (declared.get(source.name) ?? []).map((text) => text.replace(/^(?:export )?(?:declare )?/, ''));
  return [...(as === source.name ? [] : [`// exported as ${as}`]), ...statements].join('\n');
}

/** What declarations name that no entry point exports, in as many steps as it takes. */
function usedBy(sources) {
  const seen = new Set(sources.map(keyOf));
  const waiting = [...sources];
  const used = [];
  for (let source = waiting.pop(); source !== undefined; source = waiting.pop()) {
    for (const named of namedIn(source)) {
      const key = keyOf(named);
      if (seen.has(key) || owners.has(key)) continue;
      seen.add(key);
      used.push(named);
      waiting.push(named);
    }
  }
  return used;
}

function namedIn({ module, name }) {
  const { declared, imported } = read(module);
  const text = (declared.get(name) ?? []).join('\n').replaceAll(/'[^'\n]*'|"[^"\n]*"/g, "''");
  const words = new Set([...text.matchAll(/(?<![.\w$])[A-Za-z_$][\w$]*(?!\w|\??:)/g)].map(([word]) => word));
  return [...words].flatMap((word) => {
    if (declared.has(word)) return [{ module, name: word }];
    const source = imported.get(word);
    return source === undefined || isPackage(source) ? [] : [declarationOf(source)];
  });
}

/** Follows re-exports to the file that declares a name. */
function declarationOf(source) {
  if (isPackage(source)) throw new Error(`${source.name} of ${source.module} is exported from another package`);
  const { declared, exported } = read(source.module);
  if (declared.has(source.name)) return { module: source.module, name: source.name };
  const next = exported.get(source.name);
  if (next === undefined) throw new Error(`${source.module} does not export ${source.name}`);
  return declarationOf(next);
}

function isPackage({ module }) {
  return !module.endsWith('.d.ts');
}

function keyOf({ module, name }) {
  return `${module}#${name}`;
}

function fileNameOf(entry) {
  return `${entry.replaceAll('/', '-')}.api.md`;
}
