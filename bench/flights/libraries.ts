// What libraries send at once, or could: each by itself, over Sluice without pipelining, and over Sluice.
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable, serial } from 'drizzle-orm/pg-core';
import { type Generated, Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { DataSource, EntitySchema } from 'typeorm';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import type { Database } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { type FlightContender, type FlightWorkload, type Ground, table, width } from './ground.ts';
import { far } from './workloads.ts';

interface Row {
  id: number;
  value: number;
}

interface Tables {
  readonly [table]: { readonly id: Generated<number>; readonly value: number };
}

const RowEntity = new EntitySchema<Row>({
  name: table,
  columns: { id: { type: 'int', primary: true, generated: true }, value: { type: 'int' } },
});
const drizzleTable = pgTable(table, { id: serial().primaryKey(), value: integer().notNull() });
const times = <Result>(count: number, make: () => Result): Result[] => Array.from({ length: count }, make);

/** A library over a pool of its own, and over Sluice. */
interface Handles<Handle> {
  readonly alone: Handle;
  /** Without pipelining. */
  readonly plain: Handle;
  readonly sluice: Handle;
}

export async function libraryWorkloads(ground: Ground): Promise<FlightWorkload[]> {
  const databases = { plain: ground.sluice({ pipelining: false }), sluice: ground.sluice() };
  return [...(await typeOrm(ground, databases)), kysely(ground, databases), drizzles(ground, databases)];
}

type Databases = Readonly<Record<'plain' | 'sluice', Database<'default'>>>;

function each<Handle>(
  { alone, plain, sluice }: Handles<Handle>,
  run: (handle: Handle) => Promise<unknown>,
): FlightContender[] {
  return [
    { name: 'alone', run: () => run(alone) },
    { name: 'sluice, no pipelining', run: () => run(plain) },
    { name: 'sluice', run: () => run(sluice) },
  ];
}

async function typeOrm(ground: Ground, { plain, sluice }: Databases): Promise<FlightWorkload[]> {
  const entities = [RowEntity];
  const opened = async (source: DataSource): Promise<DataSource> => {
    await source.initialize();
    ground.onClose(() => source.destroy());
    return source;
  };
  const sources = {
    alone: await opened(new DataSource({ type: 'postgres', url: ground.url, entities, poolSize: width })),
    plain: await opened(createDataSource(plain, { entities })),
    sluice: await opened(createDataSource(sluice, { entities })),
  };
  const rows = await sources.alone.manager.find(RowEntity, { take: 20, order: { id: 'asc' } });
  return [
    far('TypeORM, save of 20 new entities', {
      contenders: each(sources, ({ manager }) =>
        manager.save(
          RowEntity,
          times(20, () => ({ value: 1 })),
        ),
      ),
      goal: { of: 'sluice', throughput: 2 },
      check: ground.adds('count(*)', 20),
    }),
    far('TypeORM, save of 20 changed entities', {
      contenders: each(sources, ({ manager }) => {
        for (const row of rows) row.value += 1;
        return manager.save(RowEntity, rows);
      }),
      check: ground.adds('sum(value)', 20),
    }),
  ];
}

/** Kysely sends what is issued on its `trx` one after the other by itself; what is issued on a bound Kysely joins as well. */
function kysely(ground: Ground, { plain, sluice }: Databases): FlightWorkload {
  const alone = kyselyOver(ground.pool());
  const [apart, together] = [plain, sluice].map((database) =>
    bindKysely(kyselyOver(ambientPool(database)), database),
  ) as [Kysely<Tables>, Kysely<Tables>];
  const insert = (by: Kysely<Tables>): Promise<unknown> => by.insertInto(table).values({ value: 1 }).execute();
  const onTrx = (by: Kysely<Tables>) => (): Promise<unknown> =>
    by.transaction().execute((trx) => Promise.all(times(5, () => insert(trx))));
  const onBound = (by: Kysely<Tables>) => (): Promise<unknown> =>
    by.transaction().execute(() => Promise.all(times(5, () => insert(by))));
  return far('Kysely, Promise.all of 5 inserts', {
    contenders: [
      { name: 'alone', run: onTrx(alone) },
      { name: 'sluice, no pipelining', run: onBound(apart) },
      { name: 'sluice', run: onBound(together) },
      { name: 'sluice, on `trx`', run: onTrx(together) },
    ],
    check: ground.adds('count(*)', 5),
  });
}

function drizzles(ground: Ground, { plain, sluice }: Databases): FlightWorkload {
  const handles = {
    alone: drizzle(ground.pool()),
    plain: bindDrizzle(drizzle(ambientPool(plain)), plain),
    sluice: bindDrizzle(drizzle(ambientPool(sluice)), sluice),
  };
  return far('Drizzle, Promise.all of 5 inserts', {
    contenders: each(handles, (db) =>
      db.transaction((tx) => Promise.all(times(5, () => tx.insert(drizzleTable).values({ value: 1 })))),
    ),
    check: ground.adds('count(*)', 5),
  });
}

function kyselyOver(pool: pg.Pool): Kysely<Tables> {
  return new Kysely({ dialect: new PostgresDialect({ pool }) });
}
