// The errors of Sluice inside of what libraries make of them.
import { sql as drizzleSql } from 'drizzle-orm';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { type Database, SluiceError } from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';
import { openings as drizzle } from './usage/drizzle.ts';
import { openings as knex } from './usage/knex.ts';
import { openings as kysely } from './usage/kysely.ts';
import { openings as mikroOrm } from './usage/mikro-orm.ts';
import { openings as prisma } from './usage/prisma.ts';
import { openings as typeOrm } from './usage/typeorm.ts';

const server = useTestDatabase();

/** A query of each library over a database. */
const libraries: Readonly<Record<string, (database: Database<'default'>) => Promise<() => Promise<unknown>>>> = {
  Kysely: async (database) => {
    const client = await kysely.bound(database);
    return () => sql`select 1`.execute(client);
  },
  Knex: async (database) => {
    const client = await knex.bound(database);
    return async () => await client.raw('select 1');
  },
  Drizzle: async (database) => {
    const client = await drizzle.bound(database);
    return async () => await client.execute(drizzleSql`select 1`);
  },
  TypeORM: async (database) => {
    const client = await typeOrm.bound(database);
    return () => client.query('select 1');
  },
  MikroORM: async (database) => {
    const { em } = await mikroOrm.bound(database);
    return () => em.fork().execute('select 1');
  },
};

it.each(Object.keys(libraries))('%s', async (name) => {
  const database = server.open({ max: 1 });
  const query = await (libraries[name] as (typeof libraries)[string])(database);
  await query();
  await database.close();
  const found = SluiceError.find(await rejection(query()));
  expect(found).toMatchObject({ code: 'DATABASE_CLOSED', name: 'DatabaseClosedError' });
  expect(found?.docs).toContain('#database_closed');
});

it('Prisma keeps the code and the message', async () => {
  const database = server.open({ max: 1 });
  const client = await prisma.bound(database);
  await database.close();
  const error = await rejection(Promise.resolve(client.$queryRawUnsafe('select 1')));
  expect(error).toMatchObject({ code: 'DATABASE_CLOSED' });
  expect(error.message).toContain('closing or closed');
});
