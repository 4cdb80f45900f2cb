import { DataSource, type EntityManager, EntitySchema } from 'typeorm';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { type Library, librarySuite, type LibraryTransaction } from './library-suite.ts';

interface Product {
  id: number;
  stock?: number;
}
const Product = new EntitySchema<Product>({
  name: 'product',
  columns: { id: { type: 'int', primary: true }, stock: { type: 'int', default: 0 } },
});

const levels = { serializable: 'SERIALIZABLE', 'read committed': 'READ COMMITTED' } as const;

async function libraryOf(dataSource: DataSource, save: boolean): Promise<Library> {
  await dataSource.initialize();
  const insert = (manager: EntityManager, id: number): Promise<unknown> =>
    save ? manager.save(Product, { id, stock: id }) : manager.insert(Product, { id });
  const increment = async (manager: EntityManager, id: number): Promise<unknown> => {
    const stock = (await manager.findOneByOrFail(Product, { id })).stock ?? 0;
    return save
      ? await manager.save(Product, { id, stock: stock + 1 })
      : await manager.update(Product, { id }, { stock: stock + 1 });
  };
  const within = (manager: EntityManager): LibraryTransaction => ({
    // An insert, since saving what is there would update it.
    insert: (id) => manager.insert(Product, { id }),
    increment: (id) => increment(manager, id),
    nested: (body) => manager.transaction((inner) => body(within(inner))),
  });
  return {
    insert: (id) => insert(dataSource.manager, id),
    increment: (id) => increment(dataSource.manager, id),
    ids: async () => (await dataSource.getRepository(Product).find({ order: { id: 'ASC' } })).map(({ id }) => id),
    fail: () => dataSource.query('select 1 / 0'),
    transaction: (body, isolation) =>
      isolation === undefined
        ? dataSource.transaction((manager) => body(within(manager)))
        : dataSource.transaction(levels[isolation], (manager) => body(within(manager))),
    async *stream(count) {
      const runner = dataSource.createQueryRunner();
      try {
        yield* (await runner.stream(`select n from generate_series(1, ${count}) n`)) as AsyncIterable<{ n: number }>;
      } finally {
        await runner.release();
      }
    },
    close: () => dataSource.destroy(),
  };
}

librarySuite('TypeORM', {
  open: (database) => libraryOf(createDataSource(database, { entities: [Product] }), false),
  openAlone: (url) => libraryOf(new DataSource({ type: 'postgres', url, entities: [Product] }), false),
});

librarySuite('TypeORM, saving entities,', {
  open: (database) => libraryOf(createDataSource(database, { entities: [Product] }), true),
});
