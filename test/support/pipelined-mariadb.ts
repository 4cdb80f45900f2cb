// What runs random programs on MariaDB, through each library.
import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/mysql2';
import { CompiledQuery, Kysely, MysqlDialect } from 'kysely';
import { ambientPool } from '../../src/drivers/mysql/index.ts';
import type { Database } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import type { Language, Nest, Runners } from './pipelined-programs.ts';

/** `mysql2` writes values into the text, `prepared` sends them apart from it. */
export const libraries = ['sql', 'mysql2', 'prepared', 'Kysely', 'Drizzle', 'Knex', 'TypeORM'] as const;
type LibraryName = (typeof libraries)[number];

interface MariadbRunners extends Runners<LibraryName> {
  /** Issues texts at once on what the own transaction of a library hands out. */
  readonly onOwn: Readonly<
    Record<Exclude<LibraryName, 'sql' | 'mysql2' | 'prepared'>, (texts: readonly string[]) => Promise<unknown>>
  >;
}

export async function openRunners(database: Database<'default'>): Promise<MariadbRunners> {
  const plain = ambientPool(database).promise();
  const kysely = bindKysely(new Kysely({ dialect: new MysqlDialect({ pool: ambientPool(database) }) }), database);
  const db = bindDrizzle(drizzle(ambientPool(database)), database);
  const knex = createKnex(database);
  const dataSource = await createDataSource(database, {}).initialize();
  const nested: Nest = (body) => database.transaction(body, { propagation: 'NESTED' });
  return {
    run: {
      sql: async (text, values) => (await database.current.query(text, values)).rows,
      mysql2: async (text, values) => rowsOf((await plain.query(text, [...values]))[0]),
      prepared: async (text, values) => rowsOf((await plain.execute(text, [...values] as never))[0]),
      Kysely: async (text, values) => (await kysely.executeQuery(CompiledQuery.raw(text, [...values]))).rows,
      Drizzle: async (text, values) => rowsOf((await db.execute(drizzleText(text, values)))[0]),
      Knex: async (text, values) => rowsOf((await knex.raw<[unknown]>(text, values as never))[0]),
      TypeORM: async (text, values) => rowsOf(await dataSource.query<unknown>(text, [...values])),
    },
    nest: {
      sql: nested,
      mysql2: nested,
      prepared: nested,
      Kysely: (body) => kysely.transaction().execute(body),
      Drizzle: (body) => db.transaction(body),
      Knex: async (body) => await knex.transaction(body),
      TypeORM: (body) => dataSource.transaction(body),
    },
    onOwn: {
      Kysely: (all) =>
        kysely
          .transaction()
          .execute((trx) => Promise.all(all.map((text) => trx.executeQuery(CompiledQuery.raw(text, []))))),
      Drizzle: (all) => db.transaction((tx) => Promise.all(all.map((text) => tx.execute(drizzleSql.raw(text))))),
      Knex: (all) => knex.transaction((trx) => Promise.all(all.map((text) => trx.raw(text)))),
      TypeORM: (all) => dataSource.transaction((manager) => Promise.all(all.map((text) => manager.query(text)))),
    },
    async close() {
      await Promise.all([kysely.destroy(), knex.destroy(), dataSource.destroy()]);
    },
  };
}

/** Nothing of what has none. */
function rowsOf(answer: unknown): readonly unknown[] {
  return Array.isArray(answer) ? answer : [];
}

function drizzleText(text: string, values: readonly unknown[]): ReturnType<typeof drizzleSql> {
  return drizzleSql.join(
    text
      .split('?')
      .flatMap((part, index) =>
        index === 0 ? [drizzleSql.raw(part)] : [drizzleSql`${values[index - 1]}`, drizzleSql.raw(part)],
      ),
  );
}

/** `conflict`: another transaction has changed the row since this one has begun. `deadlock`: what is told as one. */
export const mariadbLanguage: Language<LibraryName> = {
  texts: {
    insert: 'insert into product (id) values (?) returning id',
    update: 'update product set id = id + 20 where id = ?',
    delete: 'delete from product where id = ?',
    read: 'select id from product order by id',
    fail: 'insert into product (id) values (null)',
    misfit: 'update product set stock = ?',
    unsendable: 'select ? as value',
    conflict: 'update contended set n = n + 1',
    deadlock: 'select standstill() as value',
  },
  valuesOf(step) {
    if ('id' in step) return [step.id];
    if (step.type === 'misfit') return ['x'];
    return step.type === 'unsendable' ? [step.by === 'sql' || step.by === 'prepared' ? () => 'x' : 'sent'] : [];
  },
};

export const mariadbSchema: readonly string[] = [
  `create procedure start_anew() begin start transaction; delete from product;
    insert into product (id) values (1), (2), (3); commit; end`,
  'create table contended (n int) engine = innodb',
  'insert into contended values (0)',
  "create function standstill() returns int no sql begin signal sqlstate '40001' set mysql_errno = 1213; return 1; end",
];
