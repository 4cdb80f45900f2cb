// Knex's migrations and seeds, which lock, begin transactions of their own and are told to be without.
import type { Knex } from 'knex';
import { ids, insert, joined, type KnexUsage, onMariadb, outcomeOf } from './knex.ts';
import type { Difference } from './suite.ts';

const line: Knex.Migration = {
  async up(knex) {
    await knex.schema.createTable('line', (table) => void table.integer('id').primary());
    await insert(knex, 1);
  },
  async down(knex) {
    await knex.schema.dropTable('line');
  },
};
const colour: Knex.Migration = {
  async up(knex) {
    await knex.schema.alterTable('line', (table) => void table.text('colour'));
    await insert(knex, 2);
  },
  async down(knex) {
    await knex.schema.alterTable('line', (table) => void table.dropColumn('colour'));
    await knex('product').where({ id: 2 }).delete();
  },
};
const failing: Knex.Migration = {
  async up(knex) {
    await insert(knex, 3);
    await knex.raw('selec');
  },
  down: () => Promise.resolve(),
};

function configOf(migrations: Record<string, Knex.Migration>, config: Knex.MigratorConfig = {}): Knex.MigratorConfig {
  return {
    ...config,
    migrationSource: {
      getMigrations: () => Promise.resolve(Object.keys(migrations)),
      getMigrationName: (name: string) => name,
      getMigration: (name: string) => Promise.resolve(migrations[name] as Knex.Migration),
    },
  };
}

/** What its user sees of a run. */
async function outcome(running: Promise<unknown>): Promise<unknown> {
  try {
    return await running;
  } catch (error) {
    const { name, code } = error as Error & { code?: string };
    return code ?? name;
  }
}

/** The tables that are there, which are dropped. */
async function takeTables(client: Knex): Promise<string[]> {
  const rows = await client('information_schema.tables')
    .where('table_schema', client.raw(onMariadb ? 'database()' : 'current_schema()'))
    .whereNotIn('table_name', ['product', 'slow'])
    .select<{ name: string }[]>('table_name as name');
  for (const { name } of rows) await client.schema.dropTable(name);
  return rows.map(({ name }) => name).sort();
}

const refused = 'IMPLICIT_COMMIT';
const tables = ['knex_migrations', 'knex_migrations_lock'];

export const migrations: readonly KnexUsage[] = [
  {
    topic: 'migrations',
    name: 'up to the latest, again, back, and one by one',
    async run({ client }) {
      const config = configOf({ '1_line': line, '2_colour': colour });
      const runs = [
        await outcome(client.migrate.latest(config)),
        await outcome(client.migrate.latest(config)),
        await outcome(client.migrate.currentVersion(config)),
        await outcome(client.migrate.rollback(config)),
      ];
      await client('product').delete();
      runs.push(
        await outcome(client.migrate.up(config)),
        await outcome(client.migrate.up(config)),
        await outcome(client.migrate.down(config)),
        await outcome(client.migrate.list(config).then((lists: unknown[][]) => lists.map((list) => list.length))),
      );
      await insert(client, 4);
      return [runs, await takeTables(client)];
    },
    ...refusedOnMariadb([Array(8).fill(refused), []], [4]),
  },
  {
    topic: 'migrations',
    name: 'one that fails after one that has succeeded, all in one transaction, and the lock that is free again',
    async run({ client }) {
      const runs = [
        await outcome(client.migrate.latest(configOf({ '1_line': line, '2_failing': failing }))),
        await outcomeOf(client.schema.dropTableIfExists('line')),
      ];
      await client('product').delete();
      runs.push(await outcome(client.migrate.latest(configOf({ '1_line': line, '2_failing': colour }))));
      await insert(client, 4);
      return [runs, await takeTables(client)];
    },
    ...refusedOnMariadb([Array(3).fill(refused), []], [4]),
  },
  {
    topic: 'migrations',
    name: 'without transactions, all of them or one',
    async run({ client }) {
      const without = { disableTransactions: true };
      const one = { ...colour, config: { transaction: false } };
      const runs = [
        await outcome(client.migrate.latest(configOf({ '1_line': line, '2_colour': colour }, without))),
        await outcome(client.migrate.rollback(configOf({ '1_line': line, '2_colour': colour }, without))),
      ];
      await client('product').delete();
      runs.push(await outcome(client.migrate.latest(configOf({ '1_line': line, '2_colour': one }))));
      return [runs, await takeTables(client)];
    },
    ...refusedOnMariadb([Array(3).fill(refused), []], []),
  },
  {
    topic: 'migrations',
    name: 'a lock that somebody has left behind, and that is taken away',
    async run({ client }) {
      const config = configOf({ '1_line': line });
      const runs = [await outcome(client.migrate.latest(configOf({})))];
      await outcomeOf(client('knex_migrations_lock').update({ is_locked: 1 }));
      runs.push(await outcome(client.migrate.latest(config)), await outcome(client.migrate.forceFreeMigrationsLock()));
      runs.push(await outcome(client.migrate.latest(config)));
      return [runs, await takeTables(client)];
    },
    ...refusedOnMariadb([[refused, refused, undefined, refused], []], []),
  },
  {
    topic: 'migrations',
    name: 'two at once, of which one finds nothing left to do',
    async run({ client, another }) {
      const other = await another();
      await outcome(client.migrate.latest(configOf({})));
      const config = configOf({ '1_line': line, '2_colour': colour });
      // On MariaDB the first one's lock is there for all as soon as it has made a table.
      const runs = onMariadb
        ? [await outcome(client.migrate.latest(config)), await outcome(other.migrate.latest(config))]
        : await Promise.all([client, other].map((one) => outcome(one.migrate.latest(config))));
      return [runs.map((run) => JSON.stringify(run)).sort(), await takeTables(client)];
    },
    ...refusedOnMariadb([Array(2).fill(JSON.stringify(refused)), []], []),
  },
  {
    topic: 'migrations',
    name: 'in a transaction that the program has begun, and rolls back',
    async run({ client }) {
      const config = configOf({ '1_line': line, '2_colour': colour });
      await outcome(client.migrate.latest(configOf({})));
      const failure = await outcomeOf(
        client.transaction(async (trx) => {
          const run = await outcome(trx.migrate.latest(config));
          throw new RangeError(JSON.stringify(run));
        }),
      );
      await insert(client, 4);
      return [failure, await ids(client), await takeTables(client)];
    },
    ...refusedOnMariadb([`RangeError: ${JSON.stringify(refused)}`, [4], []], [4]),
    ...(onMariadb
      ? {
          outside: {
            on: 'Making tables on MySQL and MariaDB',
            why: 'a table that is made commits the transaction, also where Knex does not know',
            sees: [`RangeError: ${JSON.stringify(refused)}`, [4], tables],
            rows: [{ id: 4, stock: 0 }],
          },
        }
      : {}),
  },
  {
    topic: 'migrations',
    name: 'one that fails after it has written through the handle of the program',
    async run({ client }) {
      const config = configOf({
        '1_prices': {
          async up(knex) {
            await insert(knex, 1);
            await insert(client, 2);
            throw new RangeError('no prices');
          },
          down: () => Promise.resolve(),
        },
      });
      const run = await outcome(client.migrate.latest(config));
      await insert(client, 4);
      return [run, await ids(client), await takeTables(client)];
    },
    ...(onMariadb ? refusedOnMariadb([refused, [4], []], [4]) : joined(['RangeError', [4], tables], [4])),
  },
  {
    topic: 'migrations',
    name: 'seeds, of which one fails in a transaction of its own',
    async run({ client }) {
      const seeds: Record<string, Knex.Seed> = {
        '1_products': { seed: (knex) => insert(knex, 1) },
        '2_failing': {
          seed: (knex) =>
            knex.transaction(async (trx) => {
              await insert(trx, 2);
              await insert(trx, 1);
            }),
        },
        '3_more': { seed: (knex) => insert(knex, 3) },
      };
      const seedSource = {
        getSeeds: (): Promise<string[]> => Promise.resolve(Object.keys(seeds)),
        getSeed: (name: string): Promise<Knex.Seed> => Promise.resolve(seeds[name] as Knex.Seed),
      };
      const failed = await outcome(client.seed.run({ seedSource }));
      delete seeds['1_products'];
      delete seeds['2_failing'];
      return [failed, await outcome(client.seed.run({ seedSource })), await ids(client)];
    },
  },
];

/** On MariaDB, where a statement that makes a table would commit the ambient transaction. */
function refusedOnMariadb(sees: unknown, kept: readonly number[]): { inside?: Difference } {
  if (!onMariadb) return {};
  const rows = kept.map((id) => ({ id, stock: 0 }));
  return {
    inside: {
      on: 'Making tables on MySQL and MariaDB',
      why: 'it would commit the ambient transaction, and is refused before it is sent',
      sees,
      rows,
    },
  };
}
