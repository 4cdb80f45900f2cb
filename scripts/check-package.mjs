// Unpacks what would be published where nothing else is installed, and imports it as a user does.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackInto } from './unpack.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
try {
  if (unpackInto(folder, root).length > 3) throw new Error('the package has more than three dependencies');
  expectImport('sluice', undefined);
  expectImport('sluice/outbox', undefined);
  expectImport('sluice/cache', undefined);
  // It is given a client, and needs no package of its own.
  expectImport('sluice/cache/redis', undefined);
  expectImport('sluice/queue', undefined);
  expectImport('sluice/testing', undefined);
  // The ports and their suites need no peer.
  expectImport('sluice/driver', undefined);
  expectImport('sluice/queue/engine', undefined);
  expectImport('sluice/testing/conformance', undefined);
  // What stands on another package needs that one, and nothing else does.
  expectImport('sluice/postgres', /Cannot find package 'pg'/);
  expectImport('sluice/mysql', /Cannot find package 'mysql2'/);
  expectImport('sluice/model', /Cannot find package 'kysely'/);
  expectImport('sluice/app', /Cannot find package 'kysely'/);
  // It stands on Node.js alone.
  expectImport('sluice/sqlite', undefined);
  expectImport('sluice/queue/pg-boss', /Cannot find package 'pg-boss'/);
  expectImport('sluice/queue/bullmq', /Cannot find package '(?:bullmq|ioredis)'/);
  expectImport('sluice/drizzle', undefined);
  // It uses no more than Kysely's types.
  expectImport('sluice/kysely', undefined);
  expectImport('sluice/knex', /Cannot find package 'knex'/);
  expectImport('sluice/prisma', undefined);
  // It uses no more than MikroORM's types.
  expectImport('sluice/mikro-orm', undefined);
  expectImport('sluice/typeorm', /Cannot find package 'typeorm'/);
  execFileSync(process.execPath, [join(folder, 'node_modules/sluice/dist/cli/sluice/main.js'), 'outbox-sql']);
  console.log('The package imports without its peers.');
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function expectImport(entry, refusal) {
  const code = `const names = Object.keys(await import(${JSON.stringify(entry)})); if (names.length === 0) throw new Error('no exports');`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: folder,
    encoding: 'utf8',
  });
  const expected = refusal === undefined ? status === 0 : status !== 0 && refusal.test(stderr);
  if (!expected) throw new Error(`importing ${entry} without peers: exit ${status}\n${stderr}`);
}
