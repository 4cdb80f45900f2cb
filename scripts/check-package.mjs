// Unpacks what would be published where nothing else is installed, and loads it as users do, in both module forms.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackInto } from './unpack.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
try {
  if (unpackInto(folder, root).length > 3) throw new Error('the package has more than three dependencies');
  expectLoads('sluice', undefined);
  expectLoads('sluice/outbox', undefined);
  expectLoads('sluice/events', undefined);
  expectLoads('sluice/idempotency', undefined);
  expectLoads('sluice/saga', undefined);
  expectLoads('sluice/cache', undefined);
  // It is given a client, and needs no package of its own.
  expectLoads('sluice/cache/redis', undefined);
  expectLoads('sluice/queue', undefined);
  expectLoads('sluice/testing', undefined);
  expectLoads('sluice/http', undefined);
  // They use no more than the types of their frameworks.
  expectLoads('sluice/fastify', undefined);
  expectLoads('sluice/express', undefined);
  expectLoads('sluice/hono', undefined);
  expectLoads('sluice/inspector', undefined);
  expectLoads('sluice/inspector/redis', undefined);
  expectLoads('sluice/inspector/postgres', /Cannot find (?:package|module) 'pg'/);
  // The ports and their suites need no peer.
  expectLoads('sluice/driver', undefined);
  expectLoads('sluice/library', undefined);
  expectLoads('sluice/queue/engine', undefined);
  expectLoads('sluice/testing/conformance', undefined);
  // What stands on another package needs that one, and nothing else does.
  expectLoads('sluice/postgres', /Cannot find (?:package|module) 'pg'/);
  expectLoads('sluice/mysql', /Cannot find (?:package|module) 'mysql2'/);
  expectLoads('sluice/model', /Cannot find (?:package|module) 'kysely'/);
  expectLoads('sluice/app', /Cannot find (?:package|module) 'kysely'/);
  // It stands on Node.js alone.
  expectLoads('sluice/sqlite', undefined);
  expectLoads('sluice/queue/pg-boss', /Cannot find (?:package|module) 'pg(?:-boss)?'/);
  expectLoads('sluice/queue/bullmq', /Cannot find (?:package|module) '(?:bullmq|ioredis)'/);
  expectLoads('sluice/drizzle', undefined);
  expectLoads('sluice/kysely', /Cannot find (?:package|module) 'kysely'/);
  expectLoads('sluice/knex', /Cannot find (?:package|module) 'knex'/);
  expectLoads('sluice/prisma', undefined);
  // It uses no more than MikroORM's types.
  expectLoads('sluice/mikro-orm', undefined);
  expectLoads('sluice/typeorm', /Cannot find (?:package|module) 'typeorm'/);
  expectLoads('sluice/nestjs', /Cannot find (?:package|module) '@nestjs\/co(?:mmon|re)'/);
  expectLoads('sluice/outbox/nats', /Cannot find (?:package|module) '@nats-io\/(?:jetstream|transport-node)'/);
  expectLoads('sluice/outbox/rabbitmq', /Cannot find (?:package|module) 'rabbitmq-client'/);
  expectLoads('sluice/opentelemetry', /Cannot find (?:package|module) '@opentelemetry\/api'/);
  // It uses no more than ESLint's types.
  expectLoads('sluice/eslint', undefined);
  expectCommand(['outbox-sql'], 0, /create table/);
  expectCommand(['doctor', '--help'], 0, /--budget/);
  // Of a project it needs no package; of a server it says which.
  expectCommand(['doctor'], 0, /nothing found/);
  expectCommand(['doctor', 'postgres://127.0.0.1:1/shop'], 2, /npm install pg\n/);
  expectCommand(['verify', 'mysql://127.0.0.1:1/shop'], 2, /npm install mysql2\n/);
  expectCommand(['inspect', 'postgres://127.0.0.1:1/shop'], 2, /npm install pg\n/);
  console.log('The package loads without its peers, as ES modules and as CommonJS.');
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function expectCommand(args, code, text) {
  const main = join(folder, 'node_modules/sluice/dist/cli/sluice/main.js');
  const env = { ...process.env, DATABASE_URL: '', REDIS_URL: '' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  if (status !== code || !text.test(stdout + stderr))
    throw new Error(`sluice ${args.join(' ')} without peers: exit ${status}\n${stdout}${stderr}`);
}

function expectLoads(entry, refusal) {
  const name = JSON.stringify(entry);
  expectRuns(entry, 'module', `await import(${name})`, refusal);
  expectRuns(entry, 'commonjs', `require(${name})`, refusal);
}

function expectRuns(entry, form, load, refusal) {
  const code = `const names = Object.keys(${load}); if (names.length === 0) throw new Error('no exports');`;
  // A Node.js that could require ES modules would hide that the other form is missing.
  const options = ['--no-experimental-require-module', `--input-type=${form}`, '--eval', code];
  const { status, stderr } = spawnSync(process.execPath, options, { cwd: folder, encoding: 'utf8' });
  const expected = refusal === undefined ? status === 0 : status !== 0 && refusal.test(stderr);
  if (!expected) throw new Error(`loading ${entry} (${form}) without peers: exit ${status}\n${stderr}`);
}
