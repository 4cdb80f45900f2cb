// TypeORM's migrations and its errors.
import { type MigrationInterface, type QueryRunner, QueryFailedError } from 'typeorm';
import { engine } from '../../support/database.ts';
import { failureOf } from './suite.ts';
import { Product, type TypeOrmUsage } from './typeorm.ts';

const onMariadb = engine.name === 'mariadb';

/** What the program can read of an error. */
async function shapeOf(promise: Promise<unknown>): Promise<object> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof QueryFailedError)) throw new Error('expected a QueryFailedError');
  const driverError = error.driverError as Error & Record<string, unknown>;
  const { name, message, code, errno, sqlState, detail, constraint, table, schema, severity, sqlMessage } = driverError;
  return {
    ...(await failureOf(Promise.reject(error))),
    message: error.message,
    query: error.query,
    parameters: error.parameters as unknown,
    keys: Object.keys(error).toSorted(),
    driverError: { name, message, code, errno, sqlState, detail, constraint, table, schema, severity, sqlMessage },
  };
}

class Shelf1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create table shelf (id int primary key)');
    await runner.query('insert into product (id) values (1)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table shelf');
  }
}
class Stock1700000000002 implements MigrationInterface {
  async up({ manager }: QueryRunner): Promise<void> {
    await manager.save(Product, { id: 2, stock: 2 });
  }
  async down({ manager }: QueryRunner): Promise<void> {
    await manager.delete(Product, 2);
  }
}
class Broken1700000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('insert into product (id) values (3)');
    throw new RangeError('cannot go on');
  }
  down(): Promise<void> {
    return Promise.resolve();
  }
}

const noTables = {
  on: 'Making tables on MySQL and MariaDB',
  why: 'a statement that makes a table commits on this server, so it is refused in an ambient transaction',
  sees: 'QueryFailedError: refused',
  rows: [{ id: 9, stock: 0 }],
};

function migrating(mode: 'all' | 'each' | 'none'): TypeOrmUsage {
  return {
    topic: 'migrations',
    name: `three of which the last one fails, and the undoing of one: ${mode}`,
    async run({ client, server }) {
      for (const table of ['shelf', 'migrations']) await server.sql(`drop table if exists ${table}`);
      const all = [new Shelf1700000000001(), new Stock1700000000002()];
      Object.assign(client, { migrations: [...all, new Broken1700000000003()] });
      await client.manager.insert(Product, { id: 9 });
      const failure = await client.runMigrations({ transaction: mode }).then(
        () => undefined,
        (error: unknown) => error as Error & { code?: unknown },
      );
      if (failure?.code === 'IMPLICIT_COMMIT') return `${failure.name}: refused`;
      const found = (await client.manager.find(Product, { order: { id: 'ASC' } })).map(({ id }) => id);
      Object.assign(client, { migrations: all });
      const pending = await client.showMigrations();
      const done = await client.runMigrations({ transaction: mode });
      await client.undoLastMigration({ transaction: mode });
      const undone = await client.showMigrations();
      return { failure: failure?.name, found, pending, done: done.map(({ name }) => name), undone };
    },
    ...(onMariadb ? { inside: noTables } : {}),
  };
}

export const migrationsAndErrors: readonly TypeOrmUsage[] = [
  migrating('all'),
  migrating('each'),
  migrating('none'),
  {
    topic: 'migrations',
    name: 'synchronize, where a table is missing',
    async run({ client, server }) {
      await server.sql('drop table if exists bin');
      await client.manager.insert(Product, { id: 9 });
      const failure = await client.synchronize().then(
        () => undefined,
        (error: Error & { code?: unknown }) => error,
      );
      if (failure?.code === 'IMPLICIT_COMMIT') return `${failure.name}: refused`;
      if (failure !== undefined) throw failure;
      const log = await client.driver.createSchemaBuilder().log();
      return { missing: log.upQueries.length, bins: await client.getRepository('bin').count() };
    },
    ...(onMariadb ? { inside: noTables } : {}),
  },
  {
    topic: 'the shape of errors',
    name: 'QueryFailedError, in a transaction and outside',
    async run({ client }) {
      await client.manager.insert(Product, { id: 1 });
      return [
        await shapeOf(client.transaction((manager) => manager.insert(Product, { id: 1 }))),
        await shapeOf(client.transaction((manager) => manager.query('select nothing from nowhere'))),
        await shapeOf(client.transaction((manager) => manager.update(Product, { id: 1 }, { stock: 'many' as never }))),
      ];
    },
  },
  {
    topic: 'the shape of errors',
    name: "TypeORM's own errors, and nonsense",
    async run({ client }) {
      await client.manager.insert(Product, { id: 1 });
      const { manager } = client;
      const nonsense = [
        () => client.transaction(undefined as never),
        () => client.transaction('SERIALIZABLE' as never, undefined as never),
        () => client.transaction('BOGUS' as never, () => Promise.resolve()),
        () => client.transaction(null as never),
        () => manager.findOneByOrFail(Product, { id: 7 }),
        () => manager.findOneOrFail(Product, { where: { id: 7 }, lock: { mode: 'bogus' as never } }),
        () => manager.save('nothing', { id: 1 }),
        () => manager.save(Product, undefined as never),
        () => manager.save(Product, 5 as never),
        () => manager.delete(Product, {}),
        () => manager.query('select $1', { not: 'a list' } as never),
        () => client.createQueryRunner().commitTransaction(),
        () => client.createQueryRunner().rollbackTransaction(),
        () => client.createQueryRunner().startTransaction('BOGUS' as never),
        () => client.createQueryRunner().query(undefined as never),
      ];
      const seen: unknown[] = [];
      for (const attempt of nonsense) {
        const error: unknown = await Promise.resolve()
          .then(() => client.transaction(attempt))
          .then(
            () => undefined,
            (reason: unknown) => reason,
          );
        if (error instanceof QueryFailedError) seen.push(error.name);
        else seen.push(error instanceof Error ? [error.constructor.name, error.message] : error);
      }
      return seen;
    },
  },
];
