// Makes the tables of docs/compatibility.md of what has been run. `--check` compares instead, and fails where they differ: after
// `npm run libraries:check` and `npm run fresh:check`, since nothing is said that did not run.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readResults } from './compatibility-results.mjs';
import { root } from './entry-points.mjs';

const page = join(root, 'docs/compatibility.md');
const { peerDependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** What a library that installs is refused for. */
const refusals = {
  'pg-boss': ['`>=12.35`', '`pgBoss()`'],
  '@prisma/client': ['`>=6.16`', '`bindPrisma()`'],
  '@mikro-orm/core': ['`>=7`', '`bindMikroOrm()`'],
};
/** Peers that come with others, and those of tools, which have pages of their own. */
const others = /^@nestjs\/common$|^rxjs$|^eslint$|^nestjs-cls$/;

const runs = readResults('libraries');
const projects = readResults('fresh');
if (runs === undefined || projects === undefined) {
  console.error('Nothing to make the tables of: first run "npm run libraries:check" and "npm run fresh:check".');
  process.exit(1);
}
const before = readFileSync(page, 'utf8');
const after = withTable(withTable(before, 'libraries', librariesTable()), 'projects', projectsTable());
if (!process.argv.includes('--check')) {
  writeFileSync(page, after);
  console.log('Wrote the tables of docs/compatibility.md.');
} else if (before === after) {
  console.log('docs/compatibility.md is what was run.');
} else {
  console.error(`docs/compatibility.md differs from what was run. Run "npm run compatibility". It would be:\n${after}`);
  process.exit(1);
}

function librariesTable() {
  const libraries = Object.keys(peerDependencies).filter((library) => !others.test(library));
  const unsaid = libraries.filter((library) => versionsOf(library).length < 2 && refusals[library] === undefined);
  if (unsaid.length > 0) throw new Error(`no other version of ${unsaid.join(', ')} has been run`);
  return [
    '| library | installs with | works with | versions that CI runs | otherwise |',
    '|---|---|---|---|---|',
    ...libraries.map((library) => {
      const range = `\`${peerDependencies[library].replaceAll('|', String.raw`\|`)}\``;
      const [needs = range, refusing] = refusals[library] ?? [];
      const refused = inProjects(library).filter((version) => version !== devDependencies[library]);
      const otherwise = refusing === undefined ? '' : `${refusing} is refused, as with ${refused.join(', ')}`;
      return `| \`${library}\` | ${range} | ${needs} | ${versionsOf(library).join(', ')} | ${otherwise} |`;
    }),
  ];
}

/** The oldest first. */
function versionsOf(library) {
  const ran = runs.filter((run) => run.library === library).map(({ version }) => version);
  const found = refusals[library] === undefined ? [...ran, ...inProjects(library)] : ran;
  const byParts = new Intl.Collator('en', { numeric: true });
  return [...new Set([...found, ...installedHere(library)])].sort(byParts.compare);
}

/** Also under another name. */
function installedHere(library) {
  const others = Object.values(devDependencies).filter((version) => version.startsWith(`npm:${library}@`));
  return [devDependencies[library], ...others.map((version) => version.slice(`npm:${library}@`.length))];
}

function inProjects(library) {
  return projects.flatMap(({ dependencies }) => dependencies[library] ?? []);
}

function projectsTable() {
  return [
    '| set-up | module form | what is used |',
    '|---|---|---|',
    ...projects
      .map(({ description }) => description)
      .toSorted()
      .map((description) => `| ${description} |`),
  ];
}

function withTable(text, name, lines) {
  const [begin, end] = [`<!-- ${name} -->\n\n`, `\n\n<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/compatibility.md has no place for the table of ${name}`);
  return text.slice(0, from + begin.length) + lines.join('\n') + text.slice(to);
}
