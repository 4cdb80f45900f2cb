// Transactions of Drizzle as its users write them.
import { eq, sql } from 'drizzle-orm';
import { withReplicas as withMysqlReplicas } from 'drizzle-orm/mysql-core';
import { withReplicas } from 'drizzle-orm/pg-core';
import {
  type Db,
  type DrizzleUsage,
  failuresIfAny,
  failuresOf,
  onMariadb,
  onOneConnection,
  part,
  product,
  type Transaction,
} from './drizzle.ts';
import { queueHere } from './suite.ts';

const refused = {
  told: { name: 'Error', class: 'DrizzleQueryError' },
  cause: {
    name: 'IncompatibleTransactionError',
    class: 'IncompatibleTransactionError',
    code: 'INCOMPATIBLE_TRANSACTION',
  },
};

const replicated = (primary: Db, replica: Db): Db =>
  onMariadb ? withMysqlReplicas(primary as never, [replica as never]) : withReplicas(primary, [replica]);

const late = {
  found: [[{ id: 1, stock: 1, name: null }], [{ id: 1, stock: 1, name: null }]],
  late: {
    told: { name: 'Error', class: 'DrizzleQueryError' },
    cause: { name: 'InvalidOptionError', class: 'InvalidOptionError', code: 'INVALID_OPTION' },
  },
};

const ids = async (db: Pick<Db, 'select'>): Promise<number[]> =>
  (await db.select({ id: product.id }).from(product).orderBy(product.id)).map(({ id }) => id);

export const transactions: readonly DrizzleUsage[] = [
  {
    topic: 'retries',
    name: 'a loop around a transaction at REPEATABLE READ that another one has overtaken',
    async run({ client, server }) {
      await server.sql('insert into product (id) values (1)');
      let attempts = 0;
      const attempt = (): Promise<void> =>
        client.transaction(
          async (tx) => {
            attempts += 1;
            const [row] = await tx.select().from(product).where(eq(product.id, 1));
            if (attempts === 1) await server.sql('update product set stock = 10 where id = 1');
            await tx
              .update(product)
              .set({ stock: (row?.stock ?? 0) + 1 })
              .where(eq(product.id, 1));
          },
          { isolationLevel: 'repeatable read' },
        );
      const failures: object[] = [];
      for (let left = 3; left > 0; left -= 1) {
        const failure = await failuresIfAny(attempt());
        if (failure === undefined) break;
        failures.push(failure);
      }
      return { attempts, failures };
    },
    keeps: [{ id: 1, stock: onMariadb ? 10 : 0 }],
    ...(onMariadb
      ? {}
      : {
          inside: {
            why: 'the ambient transaction gives less than this one asks for: what is to be repeated is the outermost one',
            sees: { attempts: 0, failures: [refused, refused, refused] },
            rows: [{ id: 1, stock: 0 }],
          },
        }),
  },
  {
    topic: 'retries',
    name: 'another key for a row whose key is taken',
    async run({ client }) {
      await client.insert(product).values({ id: 1 });
      const failures: object[] = [];
      for (let id = 1; ; id += 1) {
        const failure = await failuresIfAny(
          client.transaction((tx) => tx.insert(product).values({ id, name: 'second' })),
        );
        if (failure === undefined) return { failures, id };
        failures.push(failure);
      }
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'with tx.rollback(), an error of its own and one of the server, in one that goes on',
    async run({ client }) {
      class SoldOut extends Error {}
      const failures: object[] = [];
      await client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        const ends = [
          (inner: Transaction): unknown => inner.rollback(),
          (): unknown => {
            throw new SoldOut('sold out');
          },
          async (inner: Transaction): Promise<unknown> => await inner.insert(product).values({ id: 1 }),
        ];
        for (const end of [...ends, ...ends]) {
          const nested = tx.transaction(async (inner) => {
            await inner.insert(product).values({ id: 2 });
            await inner.transaction(async (deeper) => await deeper.insert(product).values({ id: 3 }));
            await end(inner);
          });
          failures.push(await failuresOf(nested));
        }
        await tx.insert(product).values({ id: 4 });
      });
      return failures;
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'tx.rollback() of the whole, and of what is within one that is caught',
    async run({ client }) {
      const whole = client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        tx.rollback();
      });
      const failure = await failuresOf(whole);
      const kept = await client.transaction(async (tx) => {
        const inner = tx.transaction(async (nested) => {
          await nested.insert(product).values({ id: 2 });
          nested.rollback();
        });
        await failuresOf(inner);
        await tx.insert(product).values({ id: 3 });
        return await ids(tx);
      });
      return { failure, kept };
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'two in parallel, of which one fails after the other has written',
    async run({ client }) {
      return await client.transaction(async (tx) => {
        const settled = await Promise.allSettled([
          tx.transaction(async (first) => await first.insert(product).values({ id: 1 })),
          tx.transaction(async (second) => {
            await second.insert(product).values({ id: 2 });
            throw new RangeError('sold out');
          }),
        ]);
        await tx.insert(product).values({ id: 3 });
        return settled.map(({ status }) => status);
      });
    },
    outside: { why: 'siblings wait for each other', sees: ['fulfilled', 'rejected'], rows: rowsOf(1, 3) },
    inside: { why: 'siblings wait for each other', sees: ['fulfilled', 'rejected'], rows: rowsOf(1, 3) },
  },
  {
    topic: 'transactions begun by hand',
    name: 'by statements on one connection of the pool, one kept, one undone and one released while it is open',
    async run({ client }) {
      const { own, release } = await onOneConnection(client);
      await own.execute(sql`begin`);
      await own.insert(product).values({ id: 1 });
      await own.execute(sql`savepoint item`);
      const failure = await failuresOf(own.insert(product).values({ id: 1 }).execute());
      await own.execute(sql`rollback to savepoint item`);
      await own.execute(sql`commit`);
      await own.execute(sql`begin`);
      await own.insert(product).values({ id: 2 });
      await own.execute(sql`rollback`);
      await own.transaction(async (tx) => await tx.insert(product).values({ id: 3 }));
      release();
      return { failure, ids: await ids(client) };
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'ended by a text within the body of a transaction of the library',
    async run({ client }) {
      const committed = await client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        await tx.execute(sql`commit`);
        return 'committed';
      });
      const undone = await client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 2 });
        await tx.execute(sql`rollback`);
        return 'undone';
      });
      return [committed, undone, await ids(client)];
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'statements that were prepared before, run in transactions and outside',
    async run({ client }) {
      const byId = client
        .select({ stock: product.stock })
        .from(product)
        .where(eq(product.id, sql.placeholder('id')))
        .prepare('stock_by_id');
      const add = client
        .insert(product)
        .values({ id: sql.placeholder('id'), stock: sql.placeholder('stock') })
        .prepare('add_product');
      await add.execute({ id: 1, stock: 1 });
      const found = [await byId.execute({ id: 1 })];
      await client.transaction(async () => {
        await add.execute({ id: 2, stock: 2 });
        found.push(await byId.execute({ id: 2 }));
      });
      const failure = await failuresOf(client.transaction(async () => await add.execute({ id: 1, stock: 1 })));
      found.push(await byId.execute({ id: 1 }), await byId.execute({ id: 2 }));
      return { found, failure };
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'a statement that was prepared in a transaction, and its handle after the end',
    async run({ client }) {
      let kept: Transaction | undefined;
      const found = await client.transaction(async (tx) => {
        kept = tx;
        await tx.insert(product).values({ id: 1, stock: 1 });
        const prepared = tx.select().from(product).prepare('products');
        return [await prepared.execute(), await prepared.execute()];
      });
      const late = await failuresIfAny(kept?.insert(product).values({ id: 2 }).execute() ?? Promise.resolve());
      return { found, late };
    },
    outside: {
      why: 'a transaction that has ended runs nothing, where Drizzle would write by itself',
      sees: late,
      rows: [{ id: 1, stock: 1 }],
    },
    inside: {
      why: 'a transaction that has ended runs nothing, where Drizzle would write by itself',
      sees: late,
      rows: [{ id: 1, stock: 1 }],
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'what a queue runs that was there before the transaction',
    async run({ client }) {
      const queue = queueHere();
      const undone = client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        await queue(async () => await tx.insert(product).values({ id: 2 }));
        await queue(() => tx.transaction(async (inner) => await inner.insert(product).values({ id: 3 })));
        tx.rollback();
      });
      const failure = await failuresOf(undone);
      const nested = await client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 4 });
        const inner = tx.transaction(async (second) => {
          await second.insert(product).values({ id: 5 });
          await queue(() => second.transaction(async (third) => await third.insert(product).values({ id: 6 })));
          second.rollback();
        });
        await failuresOf(inner);
        await queue(() => tx.transaction(async (second) => await second.insert(product).values({ id: 7 })));
        return await ids(tx);
      });
      return { failure, nested };
    },
  },
  {
    topic: 'extended and derived clients',
    name: 'withReplicas, in whichever order it is bound',
    async run({ client, another }) {
      const both = replicated(client, await another());
      await both.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        await tx.transaction(async (inner) => await inner.insert(part).values({ id: 1, product: 1 }));
      });
      const failure = await failuresOf(
        both.transaction(async (tx) => {
          await tx.insert(product).values({ id: 2 });
          tx.rollback();
        }),
      );
      const found = await ids(both);
      await both.delete(part);
      return { failure, found };
    },
  },
  {
    topic: 'extended and derived clients',
    name: 'subqueries of $with, dynamic ones, and $count, in a transaction and outside',
    async run({ client }) {
      const counts: unknown[] = [];
      const count = async (db: Pick<Db, '$with' | 'with' | 'select' | '$count'>): Promise<void> => {
        const stocked = db.$with('stocked').as(db.select({ id: product.id }).from(product).where(eq(product.stock, 1)));
        const dynamic = db.select().from(product).$dynamic();
        counts.push(await db.with(stocked).select().from(stocked), await dynamic.limit(1), await db.$count(product));
        counts.push(await db.select({ id: product.id, all: db.$count(part) }).from(product));
      };
      await client.transaction(async (tx) => {
        await tx.insert(product).values([
          { id: 1, stock: 1 },
          { id: 2, stock: 2 },
        ]);
        await count(tx);
      });
      await count(client);
      return counts;
    },
  },
  {
    topic: 'two clients in parallel',
    name: 'a transaction of each, of which one fails',
    async run({ client, another }) {
      const other = await another();
      const settled = await Promise.allSettled([
        client.transaction(async (tx) => {
          await tx.insert(product).values([{ id: 1 }, { id: 2 }]);
        }),
        other.transaction(async (tx) => {
          await tx.insert(product).values({ id: 3 });
          tx.rollback();
        }),
      ]);
      return { settled: settled.map(({ status }) => status), found: [await ids(client), await ids(other)] };
    },
  },
  {
    topic: 'words for independence',
    name: 'a transaction of the database in one that fails, and what is sent to the database beside its handle',
    async run({ client }) {
      const outer = client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        await client.transaction(async (independent) => await independent.insert(product).values({ id: 2 }));
        await client.insert(product).values({ id: 3 });
        tx.rollback();
      });
      const failure = await failuresOf(outer);
      await client.insert(product).values({ id: 4 });
      return { failure, found: await ids(client) };
    },
    outside: {
      why: 'the database means the transaction that is ambient',
      sees: { failure: { told: { name: 'DrizzleError', class: 'TransactionRollbackError' } }, found: [4] },
      rows: rowsOf(4),
    },
    inside: {
      why: 'the database means the transaction that is ambient',
      sees: { failure: { told: { name: 'DrizzleError', class: 'TransactionRollbackError' } }, found: [4] },
      rows: rowsOf(4),
    },
  },
  {
    topic: 'promises of commit',
    name: 'others see what a transaction and a statement have written as soon as they resolve',
    async run({ client, server }) {
      const seen: number[] = [];
      await client.transaction(async (tx) => {
        await tx.insert(product).values({ id: 1 });
        seen.push((await server.products()).length);
      });
      seen.push((await server.products()).length);
      await client.insert(product).values({ id: 2 });
      seen.push((await server.products()).length);
      return seen;
    },
    inside: { why: 'what has ended inside is a savepoint: the ambient transaction is what commits', sees: [0, 0, 0] },
  },
];

function rowsOf(...of: readonly number[]): { id: number; stock: number }[] {
  return of.map((id) => ({ id, stock: 0 }));
}
