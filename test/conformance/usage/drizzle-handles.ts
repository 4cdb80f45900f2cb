// What Drizzle hands out, and what is made of it.
import { eq, sql } from 'drizzle-orm';
import { withReplicas as withMysqlReplicas } from 'drizzle-orm/mysql-core';
import { withReplicas } from 'drizzle-orm/pg-core';
import {
  type Db,
  type DrizzleUsage,
  failuresIfAny,
  failuresOf,
  idsIn,
  onMariadb,
  onOneConnection,
  part,
  product,
  type Transaction,
} from './drizzle.ts';
import { queueHere } from './suite.ts';

const replicated = (primary: Db, replica: Db): Db =>
  onMariadb ? withMysqlReplicas(primary as never, [replica as never]) : withReplicas(primary, [replica]);

const late = {
  found: [[{ id: 1, stock: 1, name: null }], [{ id: 1, stock: 1, name: null }]],
  late: {
    told: { name: 'Error', class: 'DrizzleQueryError' },
    cause: { name: 'TransactionEndedError', class: 'TransactionEndedError', code: 'TRANSACTION_ENDED' },
  },
};

export const handles: readonly DrizzleUsage[] = [
  {
    topic: 'transactions begun by hand',
    name: 'by statements on one connection of the pool, one kept, one undone and one released while it is open',
    // A handle over a connection that the program has taken is not bound.
    unbound: 'allow',
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
      return { failure, ids: await idsIn(client) };
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
      return [committed, undone, await idsIn(client)];
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
      on: 'A handle after the end of its transaction',
      why: 'a transaction that has ended runs nothing, where Drizzle would write by itself',
      sees: late,
      rows: [{ id: 1, stock: 1 }],
    },
    inside: {
      on: 'A handle after the end of its transaction',
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
        return await idsIn(tx);
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
      const found = await idsIn(both);
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
];
