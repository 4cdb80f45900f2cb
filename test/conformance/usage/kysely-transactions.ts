// Transactions of Kysely: repeated, nested, ended by hand, beside each other.
import { sql } from 'kysely';
import { engine } from '../../support/database.ts';
import { ids, insert, type KyselyWorld, type Tables } from './kysely.ts';
import { failureOf, type Usage } from './suite.ts';
import type { Kysely, Transaction } from 'kysely';

const repeatable = new Set<unknown>(['40001', '40P01', 'ER_LOCK_DEADLOCK', 'ER_CHECKREAD']);

/** As programs repeat a transaction by themselves. */
async function repeated<Result>(
  { client }: KyselyWorld,
  body: (trx: Transaction<Tables>) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await client.transaction().setIsolationLevel('serializable').execute(body);
    } catch (error) {
      if (attempt === 60 || !repeatable.has((error as { code?: unknown }).code)) throw error;
    }
  }
}

async function increment(handle: Kysely<Tables>, id: number): Promise<void> {
  const { stock } = await handle.selectFrom('product').select('stock').where('id', '=', id).executeTakeFirstOrThrow();
  await handle
    .updateTable('product')
    .set({ stock: stock + 1 })
    .where('id', '=', id)
    .execute();
}

export const transactions: readonly Usage<Kysely<Tables>>[] = [
  {
    topic: 'retries',
    name: 'serializable transactions side by side, each repeated by its program',
    async run(world) {
      const work = async (): Promise<unknown> => {
        await repeated(world, (trx) => insert(trx, 1));
        await Promise.all(Array.from({ length: 8 }, () => repeated(world, (trx) => increment(trx, 1))));
        return await world.client.selectFrom('product').select('stock').execute();
      };
      return await work().catch((error: unknown) => (error as { code: unknown }).code);
    },
    // Where every transaction is serializable, the ambient one is too.
    ...(engine.lacks['weaker isolation'] === undefined
      ? {
          inside: {
            on: 'Isolation level in an ambient transaction',
            why: 'a savepoint is as isolated as its transaction, which says so where it begins',
            sees: 'INCOMPATIBLE_TRANSACTION',
            rows: [],
          },
        }
      : {}),
  },
  {
    topic: 'retries',
    name: 'an insert that becomes an update where somebody was first',
    async run({ client }) {
      const put = async (id: number): Promise<string> => {
        try {
          await client.transaction().execute((trx) => insert(trx, id, 1));
          return 'inserted';
        } catch {
          await client.transaction().execute((trx) => increment(trx, id));
          return 'updated';
        }
      };
      const done = await Promise.all([put(1), put(2)]);
      return [...done, await put(1), await put(2), await put(1)];
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'fifty items, each in a transaction of its own, of which every third fails',
    async run({ client }) {
      const failures = new Set<string>();
      for (let item = 0; item < 50; item++) {
        const run = client.transaction().execute(async (trx) => {
          await insert(trx, item);
          if (item % 3 === 1) await insert(trx, 0);
          if (item % 3 === 2) throw new RangeError('out of stock');
        });
        if (item % 3 > 0) failures.add(JSON.stringify(await failureOf(run)));
        else await run;
      }
      return [...failures];
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'builders and compiled queries that were made before the transaction',
    async run({ client }) {
      const builder = client.insertInto('product').values({ id: 1 });
      const compiled = client.insertInto('product').values({ id: 2 }).compile();
      const raw = sql<{ id: number }>`insert into product (id) values (3)`;
      return await client.transaction().execute(async (trx) => {
        await trx.executeQuery(builder);
        await trx.executeQuery(compiled);
        await raw.execute(trx);
        return await trx.executeQuery(client.selectFrom('product').select('id').orderBy('id'));
      });
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'a handle and a builder of a transaction that are used after its end',
    async run({ client }) {
      const [trx, builder] = await client.transaction().execute(async (inner) => {
        await insert(inner, 1);
        return [inner, inner.insertInto('product').values({ id: 2 })] as const;
      });
      const late = [await failureOf(insert(trx, 3)), await failureOf(builder.execute())];
      // What was built is only a query.
      await client.executeQuery(builder);
      return [...late, await ids(client)];
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'a transaction within the handle that one has given, which Kysely has not',
    async run({ client }) {
      return await client.transaction().execute(async (trx) => {
        await insert(trx, 1);
        const nested = [(): unknown => trx.transaction(), () => trx.startTransaction(), () => trx.connection()];
        return await Promise.all(nested.map((begin) => failureOf(Promise.resolve().then(begin))));
      });
    },
  },
  {
    topic: 'two clients in parallel',
    name: 'statements and transactions of both at once',
    async run({ client, another }) {
      const other = await another();
      await Promise.all([insert(client, 1), insert(other, 2)]);
      const both = [client, other].map((handle, index) =>
        handle.transaction().execute(async (trx) => {
          await insert(trx, 3 + index);
          await new Promise(setImmediate);
          await insert(trx, 5 + index);
          return trx.isTransaction;
        }),
      );
      return [await Promise.all(both), await ids(client), await ids(other)];
    },
    ...beside(
      [
        [true, true],
        [1, 2, 3, 4, 5, 6],
        [1, 2, 3, 4, 5, 6],
      ],
      [1, 2, 3, 4, 5, 6],
    ),
  },
  {
    topic: 'two clients in parallel',
    name: 'one whose transaction fails beside one whose transaction succeeds',
    async run({ client, another }) {
      const other = await another();
      const [failed, succeeded] = await Promise.all([
        failureOf(
          client.transaction().execute(async (trx) => {
            await insert(trx, 1);
            await insert(trx, 1);
          }),
        ),
        other.transaction().execute(async (trx) => {
          await insert(trx, 2);
          return await ids(trx);
        }),
      ]);
      return [failed, succeeded];
    },
    ...beside([{ name: 'Error', class: 'Error', code: 'ERR_SQLITE_ERROR' }, [2]], [2]),
  },
  {
    topic: 'words for independence',
    name: 'a transaction of the shared handle within a transaction, which fails',
    async run({ client }) {
      const outer = client.transaction().execute(async (trx) => {
        await insert(trx, 1);
        await client.transaction().execute((inner) => insert(inner, 2));
        await insert(client, 3);
        throw new RangeError('sold out');
      });
      const failure = await failureOf(outer);
      await insert(client, 4);
      return [failure, await ids(client)];
    },
    ...joined([{ name: 'RangeError', class: 'RangeError' }, [4]], [4]),
  },
  {
    topic: 'words for independence',
    name: 'a connection that is reserved within a transaction, which fails',
    async run({ client }) {
      const outer = client.transaction().execute(async (trx) => {
        await insert(trx, 1);
        await client.connection().execute(async (own) => {
          await insert(own, 2);
          await own.transaction().execute((inner) => insert(inner, 3));
        });
        throw new RangeError('sold out');
      });
      const failure = await failureOf(outer);
      await insert(client, 4);
      return [failure, await ids(client)];
    },
    ...joined([{ name: 'RangeError', class: 'RangeError' }, [4]], [4]),
  },
];

/** On SQLite the second Kysely by itself keeps the thread, while it waits for the first one that needs it, and then fails. */
function beside(sees: unknown, rows: readonly number[]): Partial<Usage<Kysely<Tables>>> {
  if (engine.name !== 'sqlite') return {};
  const difference = {
    on: 'Waiting on SQLite',
    why: 'who waits for the writer lets others go on',
    sees,
    rows: rows.map((id) => ({ id, stock: 0 })),
  };
  return { endless: true, inside: difference, outside: difference };
}

/** How what is independent by itself is seen where it means the ambient transaction. */
function joined(sees: unknown, kept: readonly number[]): Partial<Usage<Kysely<Tables>>> {
  const difference = {
    on: 'Another handle during a transaction',
    why: 'all handles mean the ambient transaction; what is to be independent says so (docs/libraries.md)',
    sees,
    rows: kept.map((id) => ({ id, stock: 0 })),
  };
  // On SQLite, with its one connection, Kysely waits for itself.
  return { inside: difference, outside: difference, ...(engine.name === 'sqlite' ? { endless: true } : {}) };
}
