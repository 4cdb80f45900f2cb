// What Drizzle does beside transactions, and what goes through them.
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq, sql } from 'drizzle-orm';
import { migrate as migrateMysql } from 'drizzle-orm/mysql2/migrator';
import { migrate as migratePg } from 'drizzle-orm/node-postgres/migrator';
import { engine } from '../../support/database.ts';
import { type Db, type DrizzleUsage, failuresOf, logOf, onMariadb, part, product } from './drizzle.ts';

/** Waits for five seconds, of which it gets a twentieth of one. */
async function takeTooLong(db: Pick<Db, 'execute'>): Promise<void> {
  if (onMariadb) {
    await db.execute(sql`set statement max_statement_time = 0.05 for select id, sleep(5) from product`);
  } else {
    await db.execute(sql`set local statement_timeout = '50ms'`);
    await db.execute(sql`select pg_sleep(5)`);
  }
}

/** The rows one by one, where Drizzle has that: on MySQL. */
function rowsOf(query: object): AsyncIterable<unknown> {
  return (query as { iterator(): AsyncIterable<unknown> }).iterator();
}

/** Runs with a folder of migrations as drizzle-kit makes it. */
async function withMigrations<Result>(
  migrations: readonly (readonly string[])[],
  run: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'drizzle-'));
  try {
    await mkdir(join(folder, 'meta'));
    const entries = migrations.map((_, idx) => ({
      idx,
      version: '7',
      when: idx + 1,
      tag: `000${idx}`,
      breakpoints: true,
    }));
    await writeFile(
      join(folder, 'meta', '_journal.json'),
      JSON.stringify({ version: '7', dialect: engine.name, entries }),
    );
    for (const [at, statements] of migrations.entries())
      await writeFile(join(folder, `000${at}.sql`), statements.join('\n--> statement-breakpoint\n'));
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const migrate = (db: Db, migrationsFolder: string): Promise<void> =>
  onMariadb ? migrateMysql(db as never, { migrationsFolder }) : migratePg(db, { migrationsFolder });

const noTables = {
  on: 'Making tables on MySQL and MariaDB',
  why: 'a statement that makes a table commits on this server, so it is refused in an ambient transaction',
  sees: 'refused',
  rows: [{ id: 9, stock: 0 }],
};

export const features: readonly DrizzleUsage[] = [
  {
    topic: 'timeouts, cancelling and signals',
    name: "the server's own, within a transaction that goes on",
    async run({ client }) {
      return await client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        const failure = await failuresOf(tx.transaction((inner) => takeTooLong(inner)));
        await tx.insert(product).values({ id: 2 });
        return failure;
      });
    },
  },
  {
    topic: 'streams and cursors',
    name: onMariadb ? 'an iterator over rows, in a transaction and outside' : 'a cursor of the server in a transaction',
    async run({ client }) {
      return await client.transaction(async (tx) => {
        await tx.insert(product).values([{ id: 1 }, { id: 2 }, { id: 3 }]);
        const rows: unknown[] = [];
        if (onMariadb) {
          for await (const row of rowsOf(tx.select().from(product).orderBy(product.id))) rows.push(row);
          for await (const row of rowsOf(
            tx
              .select({ id: product.id })
              .from(product)
              .prepare(undefined as never),
          ))
            rows.push(row);
          return rows;
        }
        await tx.execute(sql`declare products cursor for select id from product order by id`);
        for (;;) {
          const { rows: fetched } = await tx.execute(sql`fetch 2 from products`);
          if (fetched.length === 0) break;
          rows.push(fetched);
          await tx.update(product).set({ stock: rows.length }).where(eq(product.id, rows.length));
        }
        await tx.execute(sql`close products`);
        return rows;
      });
    },
  },
  {
    topic: 'lazy results',
    name: 'a query that is built before, run twice inside, and one that is built inside and never run',
    async run({ client }) {
      const count = client.$count(product);
      const all = client.select({ id: product.id }).from(product).orderBy(product.id);
      const insert = client.insert(product).values({ id: 1 });
      const seen: unknown[] = [];
      await client.transaction(async (tx) => {
        await insert;
        void tx.insert(product).values({ id: 2 });
        seen.push(await all, await count, await failuresOf(tx.transaction(async () => await insert)));
        await client.insert(product).values({ id: 3 });
        seen.push(await all, await count);
      });
      seen.push(await all, await count);
      return seen;
    },
  },
  {
    topic: 'lazy results',
    name: 'relational queries, built before and inside',
    async run({ client }) {
      const first = client.query.product.findFirst({ where: eq(product.id, 1), columns: { id: true } });
      const found = await client.transaction(async (tx) => {
        await tx.insert(product).values([{ id: 1 }, { id: 2 }]);
        await tx.insert(part).values({ id: 7, product: 1 });
        return [
          await tx.query.product.findMany({ columns: { id: true }, with: { parts: true }, orderBy: product.id }),
          // Drizzle's text for it is none that MariaDB takes.
          onMariadb ? [] : await tx.query.part.findMany({ with: { product: { columns: { id: true } } } }),
        ];
      });
      await client.delete(part);
      return [found, await first];
    },
  },
  {
    topic: 'pessimistic locks',
    name: 'a row that others cannot lock meanwhile, and those that are skipped',
    async run({ client, server }) {
      await server.sql('insert into product (id) values (1), (2)');
      return await client.transaction(async (tx) => {
        const held = await tx.select({ id: product.id }).from(product).where(eq(product.id, 1)).for('update');
        const free = await server.sql('select id from product for update skip locked');
        const own = await tx
          .select({ id: product.id })
          .from(product)
          .orderBy(product.id)
          .for('update', { skipLocked: true });
        await tx.update(product).set({ stock: 1 }).where(eq(product.id, 1));
        return { held, free, own };
      });
    },
    keeps: [
      { id: 1, stock: 0 },
      { id: 2, stock: 0 },
    ],
  },
  {
    topic: 'hooks and events',
    name: 'a logger, that is told of the statements in order',
    async run({ client }) {
      const log = logOf(client);
      log.length = 0;
      await client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        await failuresOf(
          tx.transaction(async (inner) => {
            await inner.select().from(product);
            inner.rollback();
          }),
        );
      });
      return [...log];
    },
  },
  {
    topic: 'migrations',
    name: 'migrate, twice, and with one that fails half-way',
    async run({ client, server }) {
      await server.sql('drop table if exists shelf');
      await server.sql(
        onMariadb ? 'drop table if exists __drizzle_migrations' : 'drop schema if exists drizzle cascade',
      );
      await client.insert(product).values({ id: 9 });
      const shelf = ['create table shelf (id int primary key)', 'insert into product (id) values (1)'];
      const broken = ['insert into product (id) values (2)', 'insert into product (id) values (1)'];
      const good = ['insert into product (id) values (2)'];
      const told: unknown[] = [];
      const refused = await withMigrations([shelf], (folder) => migrate(client, folder)).then(
        () => false,
        (error: Error & { cause?: { code?: unknown } }) => {
          if (error.cause?.code === 'IMPLICIT_COMMIT') return true;
          throw error;
        },
      );
      if (refused) return 'refused';
      const breaking = (): Promise<void> => withMigrations([shelf, broken], (folder) => migrate(client, folder));
      // DDL commits on MariaDB, so that a transaction around it is of no use there.
      told.push(await failuresOf(onMariadb ? breaking() : client.transaction(breaking)), await client.$count(product));
      await withMigrations([shelf, good], (folder) => migrate(client, folder));
      await withMigrations([shelf, good], (folder) => migrate(client, folder));
      return [...told, await client.$count(product)];
    },
    ...(onMariadb ? { inside: noTables } : {}),
  },
  {
    topic: 'the shape of errors',
    name: 'DrizzleQueryError and what is below it, in a transaction and outside',
    async run({ client }) {
      await client.insert(product).values({ id: 1, name: 'one' });
      const shapeOf = async (promise: Promise<unknown>): Promise<unknown> => {
        const error = (await promise.then(
          () => undefined,
          (reason: unknown) => reason,
        )) as Error & { query?: unknown; params?: unknown; cause?: Record<string, unknown> };
        const { name, message, code, errno, sqlState, detail, constraint, table, severity } = error.cause ?? {};
        const below = { name, message, code, errno, sqlState, detail, constraint, table, severity };
        return [error.message, error.query, error.params, Object.keys(error).toSorted(), below];
      };
      return [
        await shapeOf(client.transaction(async (tx) => await tx.insert(product).values({ id: 1, name: 'one' }))),
        await shapeOf(client.transaction(async (tx) => await tx.execute(sql`select nothing from nowhere`))),
        await shapeOf(client.transaction(async (tx) => await tx.update(product).set({ stock: 'many' as never }))),
      ];
    },
  },
  {
    topic: 'the shape of errors',
    name: 'nonsense',
    async run({ client }) {
      await client.insert(product).values({ id: 1 });
      const nonsense: readonly ((db: Db) => unknown)[] = [
        (db) => db.transaction(undefined as never),
        (db) => db.transaction('body' as never),
        (db) => db.transaction(() => 5 as never),
        (db) => db.transaction(async () => await Promise.resolve(), null as never),
        (db) => db.transaction(async () => await Promise.resolve(), { unknown: true } as never),
        (db) => db.insert(product).values([]),
        (db) => db.insert(product).values({} as never),
        (db) => db.select().from(undefined as never),
        (db) => db.execute(sql`${Symbol('value')}`),
        (db) => db.update(product).set({}),
      ];
      const seen: unknown[] = [];
      for (const attempt of nonsense) {
        const told = client.transaction(async (tx) => await attempt(tx as unknown as Db));
        seen.push(
          await told.then(
            (value) => (value === undefined ? 'nothing' : typeof value),
            (error: Error) => [error.constructor.name, error.message],
          ),
        );
      }
      return seen;
    },
  },
];
