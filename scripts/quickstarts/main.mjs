// Takes each quick start of the documentation in an empty folder outside of the repository, as its page has it: installs what it says
// to install, with the packed package in place of the published one, saves its blocks, runs its commands on the servers, and checks
// what they did: `npm run quickstarts:check`, or `npm run quickstarts:check -- docs/http.md` for some pages.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../embedded-postgres.mjs';
import { root } from '../entry-points.mjs';
import { installsOf, stepsOf } from './page.mjs';
import { starts } from './starts.mjs';
import { take } from './take.mjs';

const asked = process.argv.slice(2);
const chosen = starts.filter(({ page }) => asked.length === 0 || asked.includes(page));
if (chosen.length < Math.max(1, asked.length)) throw new Error(`there is no quick start of ${asked.join(', ')}`);
/** How many are taken at once. */
const atOnce = 2;

const folder = mkdtempSync(join(tmpdir(), 'sluice-quickstarts-'));
const server = process.env.DATABASE_URL ? undefined : await startPostgres();
const url = server?.url ?? process.env.DATABASE_URL;
// Names are as the pages have them, so they are kept apart from those of others.
const redisUrl = new URL(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
redisUrl.pathname = '/5';
const failures = [];
try {
  const packed = pack();
  const queue = [...chosen.entries()];
  const takeTurns = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, start] = next;
      const began = Date.now();
      const failure = await failureOf(start, `start_${process.pid}_${index}`, packed);
      if (failure !== undefined) failures.push(`${nameOf(start)}: ${failure}`);
      const seconds = Math.round((Date.now() - began) / 1_000);
      console.log(`${failure === undefined ? 'passed' : 'FAILED'} ${nameOf(start)} (${seconds} s)`);
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
console.log(`${chosen.length} quick starts of the documentation do what their pages say.`);
process.exit(0);

function nameOf({ page, section, project }) {
  return [page, section, project].filter((each) => each !== undefined).join(', ');
}

function pack() {
  const options = ['pack', '--json', '--silent', '--pack-destination', folder];
  const [{ filename }] = JSON.parse(execFileSync('npm', options, { cwd: root, encoding: 'utf8' }));
  return join(folder, filename);
}

/** Takes a quick start on a database of its own. @returns what went wrong */
async function failureOf(start, name, packed) {
  const project = join(folder, name);
  mkdirSync(project);
  if (start.project !== undefined) {
    const settings = join(root, 'test/fresh', start.project);
    cpSync(settings, project, { recursive: true, filter: (path) => !/[\\/](?:src|test|started\.mjs)$/.test(path) });
    mkdirSync(join(project, 'src'));
  }
  const owned = new URL(url);
  owned.pathname = `/${name}`;
  await onServer(url, `create database ${name}`);
  try {
    const sql = (text) => onServer(owned.href, text);
    const before = start.continues === true ? installsOf(start.page) : [];
    const steps = [...before, ...stepsOf(start.page, start.section)];
    return await take({ ...start, steps }, { project, packed, env: envOf(owned.href), sql });
  } catch (error) {
    return error.stack;
  } finally {
    rmSync(project, { recursive: true, force: true });
    await onServer(url, `drop database ${name} with (force)`);
  }
}

/** The environment of a reader, whose PATH has no programs of this repository. */
function envOf(databaseUrl) {
  const path = process.env.PATH.split(':').filter((each) => !each.startsWith(root));
  return {
    ...process.env,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl.href,
    PATH: [dirname(process.execPath), ...path].join(':'),
    // Generating a client needs no engine, and the command would otherwise download the one for migrations.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  };
}

async function onServer(connectionString, sql) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
