// Handlers of jobs that read and then write through a library, all at once, in transactions that are repeated.
import { expect, it } from 'vitest';
import type { Database } from '../../../src/index.ts';
import { createOutboxTables } from '../../../src/outbox/index.ts';
import { createJobs, defineQueue, memory } from '../../../src/queue/index.ts';
import { engine, useTestDatabase } from '../../support/database.ts';
import { openings as knexOpenings } from './knex.ts';
import { openings as kyselyOpenings } from './kysely.ts';
import { openings as typeOrmOpenings, Product, schema } from './typeorm.ts';

const server = useTestDatabase(...schema);

type Increment = () => Promise<number>;
interface Library {
  readonly increment: Increment;
  /** The same in a transaction of the library, which nests in that of the job. */
  readonly nested: Increment;
  close(): Promise<unknown>;
}
type Open = (database: Database<'default'>) => Promise<Library>;

const libraries: Record<string, Open> = {
  async Kysely(database) {
    const kysely = await kyselyOpenings.bound(database);
    const add = async (handle: typeof kysely): Promise<number> => {
      const { stock } = await handle
        .selectFrom('product')
        .select('stock')
        .where('id', '=', 1)
        .executeTakeFirstOrThrow();
      await handle
        .updateTable('product')
        .set({ stock: stock + 1 })
        .where('id', '=', 1)
        .execute();
      return stock + 1;
    };
    return {
      increment: () => add(kysely),
      nested: () => kysely.transaction().execute(add),
      close: () => kyselyOpenings.close(kysely),
    };
  },
  async Knex(database) {
    const knex = await knexOpenings.bound(database);
    const add = async (handle: typeof knex): Promise<number> => {
      const [stock = 0] = await handle('product').where('id', 1).pluck<number[]>('stock');
      await handle('product')
        .where('id', 1)
        .update({ stock: stock + 1 });
      return stock + 1;
    };
    return {
      increment: () => add(knex),
      nested: async () => await knex.transaction(add),
      close: () => knexOpenings.close(knex),
    };
  },
  async TypeORM(database) {
    const dataSource = await typeOrmOpenings.bound(database);
    const add = async (manager: typeof dataSource.manager): Promise<number> => {
      const product = await manager.findOneByOrFail(Product, { id: 1 });
      const stock = (product.stock ?? 0) + 1;
      await manager.save(Product, { ...product, stock });
      return stock;
    };
    return {
      increment: () => add(dataSource.manager),
      nested: () => dataSource.transaction(add),
      close: () => typeOrmOpenings.close(dataSource),
    };
  },
};

if (engine.name === 'postgres') {
  const { openings: mikroOrmOpenings, Product: Entity } = await import('./mikro-orm.ts');
  const { openings: prismaOpenings } = await import('./prisma.ts');
  libraries['MikroORM'] = async (database) => {
    const orm = await mikroOrmOpenings.bound(database);
    const increment: Increment = async () => {
      const em = orm.em.fork();
      const product = await em.findOneOrFail(Entity, 1);
      product.stock += 1;
      await em.flush();
      return product.stock;
    };
    const nested: Increment = () =>
      orm.em.fork().transactional(async (em) => ((await em.findOneOrFail(Entity, 1)).stock += 1));
    return { increment, nested, close: () => mikroOrmOpenings.close(orm) };
  };
  libraries['Prisma'] = async (database) => {
    const prisma = await prismaOpenings.bound(database);
    const add = async (client: Pick<typeof prisma, 'product'>): Promise<number> => {
      const { stock } = await client.product.findUniqueOrThrow({ where: { id: 1 } });
      return (await client.product.update({ where: { id: 1 }, data: { stock: stock + 1 } })).stock;
    };
    return {
      increment: () => add(prisma),
      nested: () => prisma.$transaction(add, { timeout: 60_000, maxWait: 60_000 }),
      close: () => prismaOpenings.close(prisma),
    };
  };
}

const count = 12;
const kinds = ['increment', 'nested'] as const;
const table = Object.entries(libraries).flatMap(([name, open]) => kinds.map((kind) => [name, kind, open] as const));

it.each(table)(
  '%s, %s: twelve jobs that read and then write end, all of them',
  { timeout: 90_000 },
  async (_, kind, open) => {
    const database = server.open({ max: count });
    await createOutboxTables(database.current);
    await server.sql('insert into product (id, stock) values (1, 0)');
    const library = await open(database);
    const tally = defineQueue<null, number>('tally', { concurrency: count });
    const jobs = createJobs(database, { queues: { tally }, engine: memory() });
    let runs = 0;
    const handler: Increment = async () => {
      runs += 1;
      return await library[kind]();
    };
    jobs.worker().handle(tally, handler, {
      transaction: { isolationLevel: 'SERIALIZABLE', retry: { attempts: 60, delay: 4 } },
    });
    const handles = await Promise.all(Array.from({ length: count }, () => jobs.queues.tally.push(null)));
    const results = await Promise.all(handles.map((handle) => handle.result({ timeout: 60_000 })));
    expect(results.toSorted((one, other) => one - other)).toEqual(Array.from({ length: count }, (__, at) => at + 1));
    expect(await server.sql('select stock from product')).toEqual([{ stock: count }]);
    // Some had to run again, without which this says nothing.
    expect(runs).toBeGreaterThan(count);
    await jobs.close({ timeout: 500 });
    await library.close();
  },
);
