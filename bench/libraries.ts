import { drizzle } from 'drizzle-orm/node-postgres';
import { eq, sql as drizzleSql } from 'drizzle-orm';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import knexPackage, { type Knex } from 'knex';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { DataSource, EntitySchema } from 'typeorm';
import { ambientPool, postgres } from '../src/drivers/postgres/index.ts';
import { createDatabase } from '../src/index.ts';
import { bindDrizzle } from '../src/integrations/drizzle/index.ts';
import { createKnex } from '../src/integrations/knex/index.ts';
import { bindKysely } from '../src/integrations/kysely/index.ts';
import { createDataSource } from '../src/integrations/typeorm/index.ts';
import { createModel, defineModel } from '../src/model/index.ts';
import { anyId, both, type LibraryContender, type Row, rows, table, width } from './library-contender.ts';
import { openMikroOrm, openPrisma } from './orms.ts';

export interface LibraryArena {
  readonly contenders: readonly LibraryContender[];
  close(): Promise<void>;
}

const RowEntity = new EntitySchema<Row>({
  name: table,
  columns: { id: { type: 'int', primary: true }, value: { type: 'int' } },
});
const drizzleTable = pgTable(table, { id: integer().primaryKey(), value: integer() });

export async function openLibraryArena(connectionString: string): Promise<LibraryArena> {
  const pools: pg.Pool[] = [];
  const own = (): pg.Pool => {
    const pool = new pg.Pool({ connectionString, max: width });
    pools.push(pool);
    return pool;
  };
  const admin = own();
  await admin.query(`drop table if exists ${table}`);
  await admin.query(`create table ${table} (id int primary key, value int not null) with (fillfactor = 50)`);
  await admin.query(`insert into ${table} select id, 0 from generate_series(1, $1) id`, [rows]);
  const client = postgres({ connectionString, max: width, maxLevel: 1, budget: width });
  const database = createDatabase({ clients: { default: client } });

  const kyselys = { alone: kyselyOver(own()), sluice: bindKysely(kyselyOver(ambientPool(database)), database) };
  const drizzles = { alone: drizzle(own()), sluice: bindDrizzle(drizzle(ambientPool(database)), database) };
  const knexes = { alone: knexPackage.knex({ client: 'pg', connectionPool: own() }), sluice: createKnex(database) };
  const dataSources = {
    alone: new DataSource({ type: 'postgres', url: connectionString, entities: [RowEntity], poolSize: width }),
    sluice: createDataSource(database, { entities: [RowEntity] }),
  };
  await Promise.all([dataSources.alone.initialize(), dataSources.sluice.initialize()]);

  // Both on the same transactions: what the verbs cost against the builder that they are made with.
  const model = createModel(database, defineModel<Row>({ table, key: 'id', columns: ['id', 'value'] }));
  const builder = kyselys.sluice;
  const contenders: LibraryContender[] = [
    {
      name: 'a model against the builder',
      transaction: {
        alone: () =>
          database.transaction(() =>
            builder.updateTable(table).set({ value: 1 }).where('id', '=', anyId()).executeTakeFirst(),
          ),
        sluice: () => database.transaction(() => model.update({ id: anyId(), value: 1 })),
      },
      read: {
        alone: () => builder.selectFrom(table).selectAll().where('id', '=', anyId()).executeTakeFirst(),
        sluice: () => model.get({ id: anyId() }),
      },
    },
    {
      name: 'Kysely',
      transaction: both(kyselys, (kysely) =>
        kysely.transaction().execute((trx) =>
          trx
            .updateTable(table)
            .set({ value: sql`value + 1` })
            .where('id', '=', anyId())
            .execute(),
        ),
      ),
      read: both(kyselys, (kysely) => kysely.selectFrom(table).selectAll().where('id', '=', anyId()).execute()),
    },
    {
      name: 'Drizzle',
      transaction: both(drizzles, (db) =>
        db.transaction(
          async (tx) =>
            await tx
              .update(drizzleTable)
              .set({ value: drizzleSql`value + 1` })
              .where(eq(drizzleTable.id, anyId())),
        ),
      ),
      read: both(drizzles, async (db) => await db.select().from(drizzleTable).where(eq(drizzleTable.id, anyId()))),
    },
    {
      name: 'Knex',
      transaction: both(knexes, (knex: Knex) =>
        knex.transaction((trx) => trx(table).where({ id: anyId() }).increment('value', 1)),
      ),
      read: both(knexes, async (knex: Knex) => await knex(table).where({ id: anyId() })),
    },
    {
      name: 'TypeORM',
      transaction: both(dataSources, (dataSource: DataSource) =>
        dataSource.transaction((manager) => manager.increment(RowEntity, { id: anyId() }, 'value', 1)),
      ),
      read: both(dataSources, (dataSource: DataSource) => dataSource.manager.findBy(RowEntity, { id: anyId() })),
    },
  ];
  const orms = [await openMikroOrm(database, own()), await openPrisma(database, own())];
  return {
    contenders: [...contenders, ...orms.map(({ contender }) => contender)],
    async close() {
      await Promise.all(orms.map((orm) => orm.close()));
      await Promise.all([dataSources.alone.destroy(), dataSources.sluice.destroy(), knexes.sluice.destroy()]);
      await database.close();
      await admin.query(`drop table if exists ${table}`);
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}

function kyselyOver(pool: pg.Pool): Kysely<Record<typeof table, Row>> {
  return new Kysely({ dialect: new PostgresDialect({ pool }) });
}
