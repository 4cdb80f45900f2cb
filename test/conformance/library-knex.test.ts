import knex, { type Knex } from 'knex';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { type Library, librarySuite, type LibraryTransaction } from './library-suite.ts';

function within(handle: Knex): LibraryTransaction {
  return {
    insert: async (id) => await handle('product').insert({ id }),
    async increment(id) {
      const { stock } = (await handle('product').where({ id }).first<{ stock: number }>('stock')) ?? { stock: 0 };
      await handle('product')
        .where({ id })
        .update({ stock: stock + 1 });
    },
    nested: (body) => handle.transaction((inner) => body(within(inner))),
  };
}

function libraryOf(handle: Knex): Library {
  return {
    insert: (id) => within(handle).insert(id),
    increment: (id) => within(handle).increment(id),
    ids: async () => await handle('product').orderBy('id').pluck('id'),
    fail: async () => await handle.raw('select 1 / 0'),
    transaction: (body, isolation) =>
      handle.transaction(
        (transaction) => body(within(transaction)),
        isolation === undefined ? {} : { isolationLevel: isolation },
      ),
    stream: (count) =>
      handle.raw('select n from generate_series(1, ?::int) n', [count]).stream() as AsyncIterable<{ n: number }>,
    close: () => handle.destroy(),
  };
}

librarySuite('Knex', {
  open: (database) => libraryOf(createKnex(database)),
  openUnbound: (database) => libraryOf(knex.knex({ client: 'pg', connectionPool: ambientPool(database) })),
  openAlone: (url) => libraryOf(knex.knex({ client: 'pg', connection: url })),
});
