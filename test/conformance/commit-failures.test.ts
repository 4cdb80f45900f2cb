// What the server refuses at the COMMIT, through each library: as the library alone tells it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { drizzle } from 'drizzle-orm/node-postgres';
import { sql as drizzleSql } from 'drizzle-orm';
import knexPackage, { type Knex } from 'knex';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { DataSource, QueryFailedError } from 'typeorm';
import { afterAll, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import type { Database } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { bindPrisma } from '../../src/integrations/prisma/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { generatePrismaClient, type ProductClient } from '../support/prisma-client.ts';
import { rejection } from '../support/settled.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-prisma-commits-'));
const PrismaClient = await generatePrismaClient(folder);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const server = useTestDatabase('create table slot (name text unique deferrable initially deferred)');
const insert = "insert into slot values ('a'), ('a')";

/** Runs a text in a transaction of the library. */
interface Library {
  run(text: string): Promise<unknown>;
  close(): Promise<unknown>;
}

const overKysely = (kysely: Kysely<object>): Library => ({
  run: (text) => kysely.transaction().execute((trx) => sql.raw(text).execute(trx)),
  close: () => kysely.destroy(),
});
const overKnex = (knex: Knex): Library => ({
  run: (text) => knex.transaction(async (trx) => await trx.raw(text)),
  close: () => knex.destroy(),
});
const overDrizzle = (db: ReturnType<typeof drizzle>, close: () => Promise<unknown>): Library => ({
  run: (text) => db.transaction((trx) => trx.execute(drizzleSql.raw(text))),
  close,
});
const overPrisma = (prisma: ProductClient): Library => ({
  run: (text) => prisma.$transaction(async (trx) => await trx.$executeRawUnsafe(text)),
  close: () => prisma.$disconnect(),
});
async function overTypeOrm(dataSource: DataSource): Promise<Library> {
  await dataSource.initialize();
  return {
    run: (text) => dataSource.transaction((manager) => manager.query(text)),
    close: () => dataSource.destroy(),
  };
}

type Open = (database: Database<'default'> | undefined) => Library | Promise<Library>;
const pool = (database: Database<'default'> | undefined): pg.Pool =>
  database === undefined ? new pg.Pool({ connectionString: server.url, max: 2 }) : ambientPool(database);

const libraries: readonly (readonly [string, Open])[] = [
  [
    'Kysely',
    (database) => {
      const kysely = new Kysely<object>({ dialect: new PostgresDialect({ pool: pool(database) }) });
      return overKysely(database === undefined ? kysely : bindKysely(kysely, database));
    },
  ],
  [
    'Knex',
    (database) =>
      overKnex(
        database === undefined ? knexPackage.knex({ client: 'pg', connection: server.url }) : createKnex(database),
      ),
  ],
  [
    'Drizzle',
    (database) => {
      const own = pool(database);
      const db = drizzle(own);
      return overDrizzle(database === undefined ? db : bindDrizzle(db, database), () => own.end());
    },
  ],
  [
    'TypeORM',
    (database) =>
      overTypeOrm(
        database === undefined ? new DataSource({ type: 'postgres', url: server.url }) : createDataSource(database),
      ),
  ],
  [
    'Prisma',
    (database) => {
      if (database === undefined)
        return overPrisma(new PrismaClient({ adapter: new PrismaPg({ connectionString: server.url }) }));
      return overPrisma(bindPrisma(new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) }), database));
    },
  ],
];

function shapeOf(error: Error & Record<string, unknown>): object {
  const { driverError, cause } = error;
  const codeIn = (value: unknown): unknown => (value as { code?: unknown } | undefined)?.code;
  return {
    class: error.constructor.name,
    message: error.message,
    code: error['code'],
    causes: [codeIn(driverError), codeIn(cause)],
  };
}

it.each(libraries)('%s', async (_, open) => {
  const alone = await open(undefined);
  const expected = shapeOf(await rejection(alone.run(insert)));
  await alone.close();
  const database = server.open({ max: 2 });
  const bound = await open(database);
  const error = await rejection(bound.run(insert));
  expect(shapeOf(error)).toEqual(expected);
  expect(JSON.stringify(expected)).toMatch(/23505|UniqueConstraintViolation/);
  expect(await server.sql('select * from slot')).toEqual([]);
  await bound.run("insert into slot values ('b')");
  expect(await server.sql('select * from slot')).toEqual([{ name: 'b' }]);
  expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
  await server.sql('delete from slot');
  await bound.close();
});

it('is a QueryFailedError of TypeORM, with what compensations threw', async () => {
  const database = server.open({ max: 2 });
  const dataSource = createDataSource(database);
  await dataSource.initialize();
  const error = await rejection(
    dataSource.transaction(async (manager) => {
      database.current.compensate(() => {
        throw new Error('compensation');
      });
      await manager.query(insert);
    }),
  );
  expect(error).toBeInstanceOf(QueryFailedError);
  expect(error).toMatchObject({ query: 'COMMIT', suppressed: [{ message: 'compensation' }] });
  await dataSource.destroy();
});
