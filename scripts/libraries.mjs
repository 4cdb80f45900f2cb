// Runs the conformance of libraries on the oldest version of each that works, and on newer ones than are installed here:
// `npm run libraries:check`, or `npm run libraries:check -- kysely` for some. Each is installed into a folder of its own outside of
// the repository. On the versions that are installed here, `npm test` runs all of it.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { noteResults } from './compatibility-results.mjs';
import { startPostgres } from './embedded-postgres.mjs';
import { root } from './entry-points.mjs';

const { runs } = JSON.parse(readFileSync(join(root, 'test/conformance/versions.json'), 'utf8'));
const asked = process.argv.slice(2);
const chosen = runs.filter(({ library }) => asked.length === 0 || asked.includes(library));
if (chosen.length < Math.max(1, asked.length)) throw new Error(`there is no run of ${asked.join(', ')}`);

const server = process.env.DATABASE_URL ? undefined : await startPostgres();
const url = server?.url ?? process.env.DATABASE_URL;
/** How many are installed and run at once. */
const atOnce = 2;
const failures = [];
const results = [];
try {
  const queue = [...chosen];
  const takeTurns = async () => {
    for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
      const began = Date.now();
      const { passed, output } = await check(run);
      const seconds = Math.round((Date.now() - began) / 1_000);
      console.log(`${passed > 0 ? 'passed' : 'FAILED'} ${run.library} ${run.version}: ${passed} tests (${seconds} s)`);
      if (passed > 0) results.push(packageOf(run));
      else failures.push(`${run.library} ${run.version}:\n${output}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, takeTurns));
} finally {
  await server?.stop();
}
if (failures.length > 0) {
  console.error(failures.join('\n\n'));
  process.exit(1);
}
if (asked.length === 0) noteResults('libraries', results);
process.exit(0);

/** Under its own name, where it is installed under another one. */
function packageOf({ library, version }) {
  const [, name = library, own = version] = /^npm:(.+)@(.+)$/.exec(version) ?? [];
  return { library: name, version: own };
}

/** @returns how many tests have passed; none where one has failed */
async function check({ library, version, with: others = [], files, shared = [], without = [], aliases = {}, engine }) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-library-'));
  // Packages that belong to it, of the same version where none is said.
  const wanted = [library, ...others].map((name) => (name.lastIndexOf('@') > 0 ? name : `${name}@${version}`));
  const packages = wanted.map((name) => name.slice(0, name.indexOf('@', 1))).join(',');
  try {
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const options = [
      'install',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      '--legacy-peer-deps',
      '--ignore-scripts',
    ];
    const installed = await outputOf(spawn('npm', [...options, ...wanted], { cwd: folder }));
    if (installed.code !== 0) return { passed: 0, output: installed.output };
    // A program has one copy of its driver.
    for (const name of shared) {
      mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true });
      rmSync(join(folder, 'node_modules', name), { recursive: true, force: true });
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    }
    const report = join(folder, 'report.json');
    const skipped = without.map(({ test }) => test).join('|');
    const pattern = skipped === '' ? [] : ['--testNamePattern', `^(?!.*(?:${skipped}))`];
    const output = await vitest(['--outputFile', report, ...pattern, ...files], folder, { packages, aliases, engine });
    const { success, numPassedTests } = JSON.parse(readFileSync(report, 'utf8'));
    return { passed: success ? numPassedTests : 0, output };
  } catch (error) {
    return { passed: 0, output: error.stack };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function vitest(options, folder, { packages, aliases, engine }) {
  const program = join(root, 'node_modules/vitest/vitest.mjs');
  const config = [
    'run',
    '--config',
    'vitest.libraries.config.ts',
    '--silent',
    '--reporter',
    'json',
    '--reporter',
    'dot',
  ];
  const env = {
    ...process.env,
    DATABASE_URL: url,
    SLUICE_LIBRARIES_FROM: folder,
    SLUICE_LIBRARIES: packages,
    SLUICE_ALIASES: JSON.stringify(aliases),
  };
  if (engine !== undefined) env.SLUICE_TEST_ENGINE = engine;
  const child = spawn(process.execPath, [program, ...config, ...options], { cwd: root, env, timeout: 240_000 });
  return (await outputOf(child)).output;
}

function outputOf(child) {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}
