import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as app from '../../src/app/index.ts';
import * as cache from '../../src/cache/index.ts';
import * as redis from '../../src/cache/redis/index.ts';
import * as drizzle from '../../src/integrations/drizzle/index.ts';
import * as express from '../../src/frameworks/express/index.ts';
import * as fastify from '../../src/frameworks/fastify/index.ts';
import * as hono from '../../src/frameworks/hono/index.ts';
import * as http from '../../src/http/index.ts';
import * as events from '../../src/events/index.ts';
import * as idempotency from '../../src/ports/idempotency/index.ts';
import * as inspector from '../../src/inspector/entry/index.ts';
import * as knex from '../../src/integrations/knex/index.ts';
import * as kysely from '../../src/integrations/kysely/index.ts';
import * as mikroOrm from '../../src/integrations/mikro-orm/index.ts';
import * as model from '../../src/model/index.ts';
import * as mysql from '../../src/drivers/mysql/index.ts';
import * as outbox from '../../src/outbox/index.ts';
import * as library from '../../src/ports/library/index.ts';
import * as postgres from '../../src/drivers/postgres/index.ts';
import * as prisma from '../../src/integrations/prisma/index.ts';
import * as queue from '../../src/queue/index.ts';
import * as saga from '../../src/saga/index.ts';
import * as sluice from '../../src/index.ts';
import * as sqlite from '../../src/drivers/sqlite/index.ts';
import * as testing from '../../src/testing/index.ts';
import * as twoPhase from '../../src/experimental/two-phase/index.ts';
import * as typeorm from '../../src/integrations/typeorm/index.ts';

/** The package as it is tested, by its entries. */
export const own = {
  app,
  cache,
  redis,
  drizzle,
  express,
  fastify,
  hono,
  http,
  events,
  idempotency,
  inspector,
  knex,
  kysely,
  library,
  mikroOrm,
  model,
  mysql,
  outbox,
  postgres,
  prisma,
  queue,
  saga,
  sluice,
  sqlite,
  testing,
  twoPhase,
  typeorm,
};

export type Entries = typeof own;

const root = fileURLToPath(new URL('../..', import.meta.url));

const files: Readonly<Record<keyof Entries, string>> = {
  app: 'app',
  cache: 'cache',
  redis: 'cache/redis',
  drizzle: 'integrations/drizzle',
  express: 'frameworks/express',
  fastify: 'frameworks/fastify',
  hono: 'frameworks/hono',
  http: 'http',
  events: 'events',
  idempotency: 'ports/idempotency',
  inspector: 'inspector/entry',
  knex: 'integrations/knex',
  kysely: 'integrations/kysely',
  library: 'ports/library',
  mikroOrm: 'integrations/mikro-orm',
  model: 'model',
  mysql: 'drivers/mysql',
  outbox: 'outbox',
  postgres: 'drivers/postgres',
  prisma: 'integrations/prisma',
  queue: 'queue',
  saga: 'saga',
  sluice: '.',
  sqlite: 'drivers/sqlite',
  testing: 'testing',
  twoPhase: 'experimental/two-phase',
  typeorm: 'integrations/typeorm',
};

/** The entries of the package in a folder of code. */
async function entriesIn(source: string): Promise<Entries> {
  const load = async (path: string): Promise<unknown> =>
    await import(/* @vite-ignore */ pathToFileURL(join(source, path, 'index.ts')).href);
  const loaded = await Promise.all(
    Object.entries(files).map(async ([name, path]) => [name, await load(path)] as const),
  );
  return Object.fromEntries(loaded) as unknown as Entries;
}

/** A second copy of the package, outside of the repository; with the same dependencies. */
export interface PackageCopy {
  readonly folder: string;
  readonly entries: Entries;
  remove(): void;
}

/** @param version another one than that of the package */
export async function copyPackage(version?: string): Promise<PackageCopy> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-copy-'));
  const source = join(folder, 'src');
  cpSync(join(root, 'src'), source, { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  if (version !== undefined) {
    const file = join(source, 'core/version.ts');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/'[\d.]+'/, `'${version}'`));
  }
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  return { folder, entries: await entriesIn(source), remove };
}
