// Kysely's migrations, which lock, begin transactions of their own and are told to be without.
import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator, type MigratorProps, NO_MIGRATIONS } from 'kysely/migration';
import { engine } from '../../support/database.ts';
import { insert, type Tables } from './kysely.ts';
import type { Difference, Usage } from './suite.ts';

const onMariadb = engine.name === 'mariadb';

const line: Migration = {
  async up(db) {
    await db.schema
      .createTable('line')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .execute();
    await insert(db, 1);
  },
  async down(db) {
    await db.schema.dropTable('line').execute();
  },
};
const colour: Migration = {
  async up(db) {
    await db.schema.alterTable('line').addColumn('colour', 'text').execute();
    await insert(db, 2);
  },
  async down(db) {
    await db.schema.alterTable('line').dropColumn('colour').execute();
  },
};
const failing: Migration = {
  async up(db) {
    await insert(db, 3);
    await sql`selec`.execute(db);
  },
};

function migrator(
  db: Kysely<Tables>,
  migrations: Record<string, Migration>,
  props: Partial<MigratorProps> = {},
): Migrator {
  return new Migrator({ ...props, db, provider: { getMigrations: () => Promise.resolve(migrations) } });
}

/** What its user sees of a run, without times and texts. */
async function outcome(running: ReturnType<Migrator['migrateToLatest']>): Promise<object> {
  const { results, error } = await running;
  const { code } = (error ?? {}) as { code?: unknown };
  return {
    results: results?.map(({ migrationName, direction, status }) => [migrationName, direction, status].join(' ')),
    ...(error === undefined ? {} : { code }),
  };
}

/** The tables that are there, which are dropped. */
async function takeTables(client: Kysely<Tables>): Promise<string[]> {
  const tables = await client.introspection.getTables({ withInternalKyselyTables: true });
  const names = tables.map(({ name }) => name).filter((name) => name !== 'product' && name !== 'slow');
  for (const name of names) await client.schema.dropTable(name).execute();
  return names.sort();
}

const refused = [{ results: undefined, code: 'IMPLICIT_COMMIT' }, []];
const both = [
  { id: 4, stock: 0 },
  { id: 5, stock: 0 },
];

export const migrations: readonly Usage<Kysely<Tables>>[] = [
  {
    topic: 'migrations',
    name: 'up to the latest, again, one by one down and up, and none',
    async run({ client }) {
      const all = migrator(client, { '1_line': line, '2_colour': colour });
      const runs = [
        await outcome(all.migrateToLatest()),
        await outcome(all.migrateToLatest()),
        await outcome(all.migrateDown()),
        await outcome(all.migrateDown()),
      ];
      await client.deleteFrom('product').execute();
      runs.push(await outcome(all.migrateUp()), await outcome(all.migrateTo('1_line')));
      const listed = (await all.getMigrations()).map(({ name, executedAt }) => [name, executedAt !== undefined]);
      await insert(client, 4);
      runs.push(await outcome(all.migrateTo(NO_MIGRATIONS)));
      return [runs, listed, await takeTables(client)];
    },
    ...refusedOnMariadb(
      [
        Array.from({ length: 7 }, () => ({ results: undefined, code: 'IMPLICIT_COMMIT' })),
        [
          ['1_line', false],
          ['2_colour', false],
        ],
        [],
      ],
      [{ id: 4, stock: 0 }],
    ),
  },
  {
    topic: 'migrations',
    name: 'one that fails after one that has succeeded',
    async run({ client }) {
      const run = await outcome(migrator(client, { '1_line': line, '2_failing': failing }).migrateToLatest());
      await insert(client, 4);
      return [run, await takeTables(client)];
    },
    ...refusedOnMariadb(refused, [{ id: 4, stock: 0 }]),
  },
  {
    topic: 'migrations',
    name: 'without transactions, of which one fails',
    async run({ client }) {
      const without = migrator(client, { '1_line': line, '2_colour': colour }, { disableTransactions: true });
      const run = await outcome(without.migrateToLatest());
      return [run, await takeTables(client)];
    },
    ...refusedOnMariadb(refused, []),
  },
  {
    topic: 'migrations',
    name: 'two migrators at once, of which one finds nothing left to do',
    async run({ client, another }) {
      // The first deployment of all has made its tables.
      await migrator(client, {}).migrateToLatest();
      const both = [client, await another()].map((db) => migrator(db, { '1_line': line, '2_colour': colour }));
      const runs = await Promise.all(both.map((one) => outcome(one.migrateToLatest())));
      return [runs.map((run) => JSON.stringify(run)).sort(), await takeTables(client)];
    },
    ...refusedOnMariadb([Array(2).fill(JSON.stringify({ code: 'IMPLICIT_COMMIT' })), []], []),
    ...(engine.name === 'sqlite'
      ? {
          outside: {
            on: 'Waiting on SQLite',
            why: 'each keeps a connection for all of its migrations, and there is one',
            sees: [
              ['{"results":["1_line Up Success","2_colour Up Success"]}', '{"results":[]}'],
              ['kysely_migration', 'kysely_migration_lock', 'line'],
            ],
          },
        }
      : {}),
  },
  {
    topic: 'migrations',
    name: 'in a transaction that the program has begun',
    async run({ client }) {
      await insert(client, 4);
      const run = client.transaction().execute(async (trx) => {
        const inner = await outcome(migrator(trx, { '1_line': line, '2_colour': colour }).migrateToLatest());
        await insert(trx, 5);
        return inner;
      });
      return [await run, await takeTables(client)];
    },
    // Kysely refuses it too, but when it has made its tables, which has committed the transaction.
    ...refusedOnMariadb(refused, both),
    ...(onMariadb ? { outside: refusedOnMariadb(refused, both).inside } : {}),
  },
];

/** On MariaDB, where a statement that makes a table would commit the ambient transaction. */
function refusedOnMariadb(sees: unknown, rows: Difference['rows'] & object): Pick<Usage<Kysely<Tables>>, 'inside'> {
  if (!onMariadb) return {};
  return {
    inside: {
      on: 'Making tables on MySQL and MariaDB',
      why: 'it would commit the ambient transaction, and is refused before it is sent',
      sees,
      rows,
    },
  };
}
