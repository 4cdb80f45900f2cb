import { eq, sql } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { integer, pgTable, type PgTransactionConfig } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { type Library, librarySuite, type LibraryTransaction } from './library-suite.ts';

const product = pgTable('product', { id: integer().primaryKey(), stock: integer().default(0) });

type Handle = Pick<NodePgDatabase, 'insert' | 'select' | 'update' | 'execute'> & {
  transaction(body: (transaction: Handle) => Promise<unknown>, config?: PgTransactionConfig): Promise<unknown>;
};

function within(handle: Handle): LibraryTransaction {
  return {
    insert: async (id) => await handle.insert(product).values({ id }),
    async increment(id) {
      const [row] = await handle.select({ stock: product.stock }).from(product).where(eq(product.id, id));
      await handle
        .update(product)
        .set({ stock: (row?.stock ?? 0) + 1 })
        .where(eq(product.id, id));
    },
    nested: (body) => handle.transaction((inner) => body(within(inner))),
  };
}

function libraryOf(db: NodePgDatabase, close: () => Promise<void> = () => Promise.resolve()): Library {
  return {
    insert: (id) => within(db).insert(id),
    increment: (id) => within(db).increment(id),
    ids: async () => (await db.select({ id: product.id }).from(product).orderBy(product.id)).map(({ id }) => id),
    fail: () => db.execute(sql`select 1 / 0`),
    transaction: (body, isolation) =>
      (db as Handle).transaction(
        (transaction) => body(within(transaction)),
        isolation === undefined ? undefined : { isolationLevel: isolation },
      ),
    close,
  };
}

librarySuite('Drizzle', {
  open: (database) => libraryOf(bindDrizzle(drizzle(ambientPool(database)), database)),
  openUnbound: (database) => libraryOf(drizzle(ambientPool(database))),
  openAlone: (url) => {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    return libraryOf(drizzle(pool), () => pool.end());
  },
});
