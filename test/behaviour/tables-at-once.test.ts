// Processes that start at the same time and create the tables of Sluice at their start.
import { beforeEach, describe, expect, it } from 'vitest';
import { createCommitTable as createMysqlCommitTable } from '../../src/drivers/mysql/index.ts';
import { createCommitTable } from '../../src/drivers/postgres/index.ts';
import { createEventTables } from '../../src/events/index.ts';
import { createTwoPhaseTables } from '../../src/experimental/two-phase/index.ts';
import type { Database, Db } from '../../src/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { createIdempotencyTables } from '../../src/ports/idempotency/index.ts';
import { createSagaTables } from '../../src/saga/index.ts';
import { engine, itWith, useTestDatabase } from '../support/database.ts';

const server = useTestDatabase();
const processes = 8;
const rounds = 5;

interface Creator {
  readonly create: (on: Db) => Promise<void>;
  /** One that it makes. */
  readonly table: string;
}

const creators: Creator[] = [
  { create: createOutboxTables, table: 'sluice_outbox' },
  { create: createEventTables, table: 'sluice_event_publication' },
  { create: createSagaTables, table: 'sluice_saga' },
  { create: createIdempotencyTables, table: 'sluice_idempotency' },
];
if (engine.name !== 'sqlite') {
  const create = engine.name === 'postgres' ? createCommitTable : createMysqlCommitTable;
  creators.push({ create: createTwoPhaseTables, table: 'sluice_two_phase' }, { create, table: 'sluice_commit' });
}
const cases = creators.map(({ create, table }) => [create.name, create, table] as const);

const listed = {
  postgres: "select tablename as name from pg_tables where schemaname = 'public' and tablename like 'sluice%'",
  mariadb:
    "select table_name as name from information_schema.tables where table_schema = database() and table_name like 'sluice%'",
  sqlite: "select name from sqlite_master where type = 'table' and name like 'sluice%'",
}[engine.name];

/** Tables that are there already would be left as they are. */
async function dropTables(): Promise<void> {
  for (const { name } of await server.sql(listed)) await server.sql(`drop table ${String(name)}`);
}

/** Each of the databases has a connection already, so that all begin together. */
async function openAll(): Promise<Database<'default'>[]> {
  return await Promise.all(Array.from({ length: processes }, () => server.connect({})));
}

describe('processes that create tables at the same time', () => {
  beforeEach(dropTables);

  it.each(cases)('%s: all of them go on', async (_, create, table) => {
    const databases = await openAll();
    for (let round = 0; round < rounds; round += 1) {
      await dropTables();
      await Promise.all(databases.map(({ current }) => create(current)));
      expect(await server.sql(`select * from ${table}`)).toEqual([]);
    }
  });

  // MySQL and MariaDB commit at each of them.
  itWith('tables in transactions').each(cases)(
    '%s: those in transactions too, which stay open and can go on',
    async (_, create, table) => {
      const databases = await openAll();
      for (let round = 0; round < rounds; round += 1) {
        await dropTables();
        const creating = databases.map(async (database, id) => {
          if (id % 2 === 0) return await create(database.current);
          await database.transaction(async () => {
            await create(database.current);
            await database.query('insert into product (id) values ($1)', [round * processes + id]);
          });
        });
        await Promise.all(creating);
        expect(await server.sql(`select * from ${table}`)).toEqual([]);
      }
      expect(await server.products()).toHaveLength((rounds * processes) / 2);
    },
  );
});

describe('clients that run their own SQL', () => {
  it('may create tables at the same time', async () => {
    const databases = await openAll();
    const dialect = engine.name === 'mariadb' ? 'mysql' : engine.name;
    for (let round = 0; round < rounds; round += 1) {
      await dropTables();
      const runners = databases.map(({ current }) => ({ query: (text: string) => current.query(text) }));
      await Promise.all(runners.map((runner) => createOutboxTables(runner, { dialect })));
      expect(await server.sql('select * from sluice_outbox')).toEqual([]);
    }
  });
});
