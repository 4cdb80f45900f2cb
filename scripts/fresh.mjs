// Installs the packed package into projects as users have them, each in a folder of its own outside of the repository, and runs
// what they check: `npm run fresh:check`, or `npm run fresh:check -- vitest tsx` for some of them.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import pg from 'pg';
import { startPostgres } from './embedded-postgres.mjs';
import { root } from './entry-points.mjs';
import { noteResults } from './compatibility-results.mjs';

const projects = join(root, 'test/fresh');
const asked = process.argv.slice(2);
const all = readdirSync(projects);
if (all.length < 11) throw new Error('projects are missing');
const unknown = asked.filter((name) => !all.includes(name));
if (unknown.length > 0) throw new Error(`there is no project ${unknown.join(', ')} in test/fresh`);
const waiting = asked.length > 0 ? asked : all;
/** Projects with the source of another one, whose module form is theirs. */
const sources = { 'nest11-jest': 'nest12-vitest' };
/** How many are installed and run at once. */
const atOnce = 2;
/** What a project has at most, in milliseconds; the slowest one takes a sixth of it. */
const longest = 180_000;

const folder = mkdtempSync(join(tmpdir(), 'sluice-fresh-'));
const server = process.env.DATABASE_URL ? undefined : await startPostgres();
const url = server?.url ?? process.env.DATABASE_URL;
const results = [];
const failures = [];
try {
  const packed = pack();
  const total = waiting.length;
  const queue = [...waiting];
  const takeTurns = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const began = Date.now();
      const failure = await withDatabase(name, (env) => failureOf(name, packed, env));
      if (failure !== undefined) failures.push(`${name}:\n${failure}`);
      const done = total - queue.length;
      const seconds = Math.round((Date.now() - began) / 1_000);
      console.log(`${failure === undefined ? 'passed' : 'FAILED'} ${name} (${seconds} s, ${done} of ${total} begun)`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, takeTurns));
} finally {
  rmSync(folder, { recursive: true, force: true });
  await server?.stop();
}
if (failures.length > 0) {
  console.error(failures.join('\n\n'));
  process.exit(1);
}
if (asked.length === 0) noteResults('fresh', results);
console.log(`${waiting.length} fresh projects install the package and pass.`);
process.exit(0);

function pack() {
  const options = ['pack', '--json', '--silent', '--pack-destination', folder];
  const [{ filename }] = JSON.parse(execFileSync('npm', options, { cwd: root, encoding: 'utf8' }));
  return join(folder, filename);
}

/** Runs a body with the environment of a project, which has a database and names in Redis of its own. */
async function withDatabase(name, body) {
  const database = `fresh_${name.replaceAll('-', '_')}_${process.pid}`;
  const owned = new URL(url);
  owned.pathname = `/${database}`;
  await onServer(`create database ${database}`);
  try {
    return await body({ ...process.env, DATABASE_URL: owned.href, JOBS_PREFIX: database });
  } finally {
    await onServer(`drop database ${database} with (force)`);
  }
}

async function onServer(sql) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

/** Copies the source of another project, with the imports of CommonJS. */
function copySource(from, to) {
  for (const file of readdirSync(from, { recursive: true, withFileTypes: true })) {
    const path = relative(from, join(file.parentPath, file.name));
    if (!file.isFile() || !/^(?:src|test)\W.*\.ts$|\.mjs$/.test(path)) continue;
    mkdirSync(dirname(join(to, path)), { recursive: true });
    const text = readFileSync(join(from, path), 'utf8');
    writeFileSync(join(to, path), text.replaceAll(/(from '\.[^']*)\.js'/g, "$1'"));
  }
}

/** @returns what a project said, where it failed */
async function failureOf(name, packed, env) {
  const project = join(folder, name);
  mkdirSync(project);
  if (sources[name] !== undefined) copySource(join(projects, sources[name]), project);
  cpSync(join(projects, name), project, { recursive: true });
  cpSync(join(root, 'scripts/smoke-program.mjs'), join(project, 'smoke.mjs'));
  const file = join(project, 'package.json');
  const { description, dependencies, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...rest, dependencies: { ...dependencies, sluice: `file:${packed}` } }));
  const installed = await run(env, project, ['install', '--prefer-offline', '--no-audit', '--no-fund']);
  if (installed.status !== 0) return installed.output;
  const checked = await run(env, project, ['run', '--silent', 'check']);
  if (checked.status !== 0) return checked.output;
  results.push({ description, dependencies });
  rmSync(project, { recursive: true, force: true });
  return undefined;
}

function run(env, cwd, options) {
  const child = spawn('npm', options, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: longest });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ status: 1, output: `${output}\n${error.message}` }));
    child.on('close', (status) => resolve({ status, output: `${output}\n(npm ${options[0]} ended with ${status})` }));
  });
}
