import { type Generated, type Kysely, Kysely as KyselyClass, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { type Library, librarySuite, type LibraryTransaction } from './library-suite.ts';

interface Tables {
  product: { id: number; stock: Generated<number> };
}

function make(pool: pg.Pool): Kysely<Tables> {
  return new KyselyClass<Tables>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) });
}

function libraryOf(kysely: Kysely<Tables>): Library {
  const insert = (handle: Kysely<Tables>, id: number): Promise<unknown> =>
    handle.insertInto('product').values({ id }).execute();
  const increment = async (handle: Kysely<Tables>, id: number): Promise<unknown> => {
    const { stock } = await handle.selectFrom('product').select('stock').where('id', '=', id).executeTakeFirstOrThrow();
    return await handle
      .updateTable('product')
      .set({ stock: stock + 1 })
      .where('id', '=', id)
      .execute();
  };
  const within = (transaction: Transaction<Tables>): LibraryTransaction => ({
    insert: (id) => insert(transaction, id),
    increment: (id) => increment(transaction, id),
  });
  return {
    insert: (id) => insert(kysely, id),
    increment: (id) => increment(kysely, id),
    ids: async () => (await kysely.selectFrom('product').select('id').orderBy('id').execute()).map(({ id }) => id),
    fail: () => sql`select 1 / 0`.execute(kysely),
    transaction: (body, isolation) => {
      const builder = kysely.transaction();
      const isolated = isolation === undefined ? builder : builder.setIsolationLevel(isolation);
      return isolated.execute((transaction) => body(within(transaction)));
    },
    stream: (count) =>
      kysely
        .selectFrom(sql<{ n: number }>`generate_series(1, ${count}::int)`.as<'series'>(sql`series(n)`))
        .select('series.n')
        .stream(100),
    close: () => kysely.destroy(),
  };
}

librarySuite('Kysely', {
  open: (database) => libraryOf(bindKysely(make(ambientPool(database)), database)),
  openUnbound: (database) => libraryOf(make(ambientPool(database))),
  openAlone: (url) => libraryOf(make(new pg.Pool({ connectionString: url, max: 2 }))),
});
