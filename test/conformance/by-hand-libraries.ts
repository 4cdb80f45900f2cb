// How the libraries of both servers hand transactions out.
import type { Knex } from 'knex';
import type { Kysely } from 'kysely';
import { type DataSource, EntitySchema } from 'typeorm';
import type { ByHand } from './by-hand-suite.ts';

export interface Tables {
  product: { id: number };
}

interface Product {
  id: number;
}
export const Product = new EntitySchema<Product>({
  name: 'product',
  columns: { id: { type: 'int', primary: true } },
});

export function kyselyByHand(kysely: Kysely<Tables>): ByHand {
  return {
    async begin() {
      const trx = await kysely.startTransaction().execute();
      return {
        insert: (id) => trx.insertInto('product').values({ id }).execute(),
        commit: () => trx.commit().execute(),
        rollback: () => trx.rollback().execute(),
      };
    },
    close: () => kysely.destroy(),
  };
}

export function knexByHand(knex: Knex): ByHand {
  return {
    async begin() {
      const trx = await knex.transaction();
      return {
        insert: async (id) => await trx('product').insert({ id }),
        async commit() {
          await trx.commit();
          await trx.executionPromise;
        },
        rollback: async () => await trx.rollback(),
      };
    },
    close: () => knex.destroy(),
  };
}

/** With `save`, which begins a transaction of its own where it sees none. */
export async function typeOrmByHand(dataSource: DataSource): Promise<ByHand> {
  await dataSource.initialize();
  return {
    async begin() {
      const runner = dataSource.createQueryRunner();
      await runner.startTransaction();
      return {
        insert: (id) => runner.manager.save(Product, { id }),
        insertNew: (id) => runner.manager.insert(Product, { id }),
        commit: () => runner.commitTransaction(),
        rollback: () => runner.rollbackTransaction(),
        release: () => runner.release(),
      };
    },
    close: () => dataSource.destroy(),
  };
}
