// What runs random programs on PostgreSQL, through each library.
import { EntitySchema as MikroSchema } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/postgresql';
import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import type { Database } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { bindMikroOrm, mikroOrmTypes } from '../../src/integrations/mikro-orm/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import type { Language, Nest, Runners } from './pipelined-programs.ts';

export const libraries = ['sql', 'pg', 'Kysely', 'Drizzle', 'Knex', 'TypeORM', 'MikroORM'] as const;
type LibraryName = (typeof libraries)[number];

interface PostgresRunners extends Runners<LibraryName> {
  /** Issues texts at once on what the own transaction of a library hands out. */
  readonly onOwn: Readonly<Record<Exclude<LibraryName, 'sql' | 'pg'>, (texts: readonly string[]) => Promise<unknown>>>;
}

export async function openRunners(database: Database<'default'>): Promise<PostgresRunners> {
  const plain = ambientPool(database);
  const kysely = bindKysely(new Kysely({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }), database);
  const db = bindDrizzle(drizzle(ambientPool(database)), database);
  const knex = createKnex(database);
  const dataSource = await createDataSource(database, {}).initialize();
  const pool = ambientPool(database, undefined, { types: mikroOrmTypes(pg.types) });
  const Product = new MikroSchema<{ id: number }>({
    name: 'Product',
    tableName: 'product',
    properties: { id: { type: 'integer', primary: true } },
  });
  const orm = bindMikroOrm(
    await MikroORM.init({
      dbName: 'the one of the pool',
      ensureDatabase: false,
      entities: [Product],
      driverOptions: new PostgresDialect({ pool }),
    }),
    database,
  );
  const nested: Nest = (body) => database.transaction(body, { propagation: 'NESTED' });
  return {
    run: {
      sql: async (text, values) => (await database.current.query(text, values)).rows,
      pg: async (text, values) => (await plain.query(text, [...values])).rows as unknown[],
      Kysely: async (text, values) => (await kysely.executeQuery(CompiledQuery.raw(text, [...values]))).rows,
      Drizzle: async (text, values) => (await db.execute(drizzleText(text, values))).rows,
      Knex: async (text, values) =>
        (await knex.raw<{ rows: unknown[] }>(text.replaceAll(/\$\d/g, '?'), values as never)).rows,
      TypeORM: async (text, values) => {
        const answer: unknown = await dataSource.query(text, [...values]);
        return text.startsWith('select') ? (answer as unknown[]) : [];
      },
      MikroORM: async (text, values) =>
        await orm.em
          .fork()
          .execute(text.replaceAll(/\$\d/g, '?'), [...values], text.startsWith('select') ? 'all' : 'run')
          .then((answer: unknown) => (text.startsWith('select') ? (answer as unknown[]) : [])),
    },
    nest: {
      sql: nested,
      pg: nested,
      Kysely: (body) => kysely.transaction().execute(body),
      Drizzle: (body) => db.transaction(body),
      Knex: async (body) => await knex.transaction(body),
      TypeORM: (body) => dataSource.transaction(body),
      MikroORM: (body) => orm.em.fork().transactional(body),
    },
    onOwn: {
      Kysely: (all) =>
        kysely
          .transaction()
          .execute((trx) => Promise.all(all.map((text) => trx.executeQuery(CompiledQuery.raw(text, []))))),
      Drizzle: (all) => db.transaction((tx) => Promise.all(all.map((text) => tx.execute(drizzleSql.raw(text))))),
      Knex: (all) => knex.transaction((trx) => Promise.all(all.map((text) => trx.raw(text)))),
      TypeORM: (all) => dataSource.transaction((manager) => Promise.all(all.map((text) => manager.query(text)))),
      MikroORM: (all) => orm.em.fork().transactional((em) => Promise.all(all.map((text) => em.execute(text)))),
    },
    async close() {
      await Promise.all([kysely.destroy(), knex.destroy(), dataSource.destroy(), orm.close()]);
    },
  };
}

function drizzleText(text: string, values: readonly unknown[]): ReturnType<typeof drizzleSql> {
  const parts = text.split(/\$\d/);
  return drizzleSql.join(
    parts.flatMap((part, index) =>
      index === 0 ? [drizzleSql.raw(part)] : [drizzleSql`${values[index - 1]}`, drizzleSql.raw(part)],
    ),
  );
}

const unsendable = {
  toPostgres: (): never => {
    throw new RangeError('cannot be sent');
  },
};
const texts = {
  insert: 'insert into product (id) values ($1) returning id',
  update: 'update product set id = id + 20 where id = $1',
  delete: 'delete from product where id = $1',
  read: 'select id from product order by id',
  fail: 'select 1 / ($1::int - 1)',
  misfit: 'select $1::int',
  unsendable: 'select $1::text',
} as const;

export const postgresLanguage: Language<LibraryName> = {
  texts,
  valuesOf(step) {
    if ('id' in step) return [step.id];
    if (step.type === 'fail') return [1];
    if (step.type === 'misfit') return ['x'];
    return step.type === 'unsendable' ? [step.by === 'sql' || step.by === 'pg' ? unsendable : 'sent'] : [];
  },
};
