// Holds the size of what was built against its budgets: for each entry point and command the JavaScript that it loads from this
// package, and the package as a whole. `--write` sets the budgets to the sizes of now, with room for small changes.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { entryPoints, root } from './entry-points.mjs';

const budgetsFile = join(root, 'scripts/size-budgets.json');
const room = 1.05;
const importPattern =
  /^(?:import|export)\s[^;'"=()]*?\bfrom\s+'(\.[^']+)'|^import\s+'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'\s*\)/gm;

const sizes = { ...sizesOfEntries(), ...sizesOfCommands(), ...sizesOfPackage() };
if (process.argv.includes('--write')) write();
else check();

function write() {
  const budgets = Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, Math.ceil(size * room)]));
  writeFileSync(budgetsFile, `${JSON.stringify(budgets, undefined, 2)}\n`);
  console.log(`Set ${Object.keys(budgets).length} budgets.`);
}

function check() {
  const budgets = JSON.parse(readFileSync(budgetsFile, 'utf8'));
  const names = [...new Set([...Object.keys(sizes), ...Object.keys(budgets)])];
  const failures = names.flatMap((name) => failureOf(name, sizes[name], budgets[name]) ?? []);
  if (failures.length > 0) {
    console.error(`The size budget is exceeded. If the growth is worth it, run npm run size.\n${failures.join('\n')}`);
    process.exit(1);
  }
  console.log(`The package and its ${names.length - 2} entry points and commands are within their size budgets.`);
}

function failureOf(name, size, budget) {
  if (size === undefined) return `${name}: has a budget, but does not exist`;
  if (budget === undefined) return `${name}: has no budget`;
  return size > budget ? `${name}: ${size} bytes, of ${budget}` : undefined;
}

function sizesOfEntries() {
  return Object.fromEntries(entryPoints().map(({ name, code }) => [name, sizeOf(resolve(root, code))]));
}

/** What a command may load in all; each loads what it needs when it runs. */
function sizesOfCommands() {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return Object.fromEntries(Object.entries(bin).map(([name, code]) => [`npx ${name}`, sizeOf(resolve(root, code))]));
}

/** The bytes of a file and of all files that it imports, at once or later. */
function sizeOf(entry) {
  const files = new Set([entry]);
  let bytes = 0;
  // A set also gives what is added while it is gone through.
  for (const file of files) {
    const text = readFileSync(file);
    bytes += text.length;
    for (const [, from, effect, later] of text.toString().matchAll(importPattern)) {
      files.add(resolve(dirname(file), from ?? effect ?? later));
    }
  }
  return bytes;
}

function sizesOfPackage() {
  const answer = execFileSync('npm', ['pack', '--dry-run', '--json', '--silent'], { cwd: root, encoding: 'utf8' });
  const [{ size, unpackedSize }] = JSON.parse(answer);
  return { 'package, packed': size, 'package, unpacked': unpackedSize };
}
