// What TypeORM hands out: query runners, managers and repositories.
import type { EntityManager, QueryRunner } from 'typeorm';
import { failureOf, queueHere } from './suite.ts';
import { Category, Product, type TypeOrmUsage } from './typeorm.ts';

export const handles: readonly TypeOrmUsage[] = [
  {
    topic: 'transactions begun by hand',
    name: 'two on one query runner, the first kept and the second not, and what is saved after them',
    async run({ client }) {
      const runner = client.createQueryRunner();
      const active: boolean[] = [];
      await runner.connect();
      await runner.startTransaction();
      await runner.manager.save(Product, { id: 1 });
      active.push(runner.isTransactionActive);
      await runner.commitTransaction();
      active.push(runner.isTransactionActive);
      await runner.startTransaction();
      await runner.manager.getRepository(Product).insert({ id: 2 });
      const failure = await failureOf(runner.manager.insert(Product, { id: 1 }));
      await runner.rollbackTransaction();
      active.push(runner.isTransactionActive);
      await runner.manager.save(Product, { id: 3 });
      await runner.release();
      return { active, failure, released: runner.isReleased };
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'ended twice, and in a finally that looks whether one is active',
    async run({ client }) {
      const runner = client.createQueryRunner();
      const failures: object[] = [];
      try {
        await runner.startTransaction();
        await runner.manager.insert(Product, { id: 1 });
        await runner.commitTransaction();
        failures.push(await failureOf(runner.commitTransaction()));
        failures.push(await failureOf(runner.rollbackTransaction()));
      } finally {
        if (runner.isTransactionActive) await runner.rollbackTransaction();
        await runner.release();
      }
      failures.push(await failureOf(runner.query('select 1')));
      failures.push(await failureOf(runner.startTransaction()));
      await runner.release();
      return failures;
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'with a savepoint in it that fails, begun on the same query runner',
    async run({ client }) {
      const runner = client.createQueryRunner();
      await runner.startTransaction();
      await runner.manager.insert(Product, { id: 1 });
      await runner.startTransaction();
      const failure = await failureOf(runner.query('insert into product (id) values (2), (1)'));
      await runner.rollbackTransaction();
      await runner.startTransaction();
      await runner.query('insert into product (id) values (3)');
      await runner.commitTransaction();
      await runner.commitTransaction();
      await runner.release();
      return { failure, active: runner.isTransactionActive };
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'on query runners that are disposed of, as `await using` does, also where none was begun',
    async run({ client }) {
      const dispose = async (runner: QueryRunner): Promise<void> => {
        // TypeORM 0.3 has none.
        const own = runner[Symbol.asyncDispose] as (() => Promise<void>) | undefined;
        if (own !== undefined) return await own.call(runner);
        if (runner.isTransactionActive) await runner.commitTransaction().catch(() => {});
        await runner.release();
      };
      const begun = client.createQueryRunner();
      await begun.startTransaction();
      await begun.manager.insert(Product, { id: 1 });
      await dispose(begun);
      const unused = client.createQueryRunner();
      const used = client.createQueryRunner();
      await used.manager.insert(Product, { id: 2 });
      await dispose(used);
      await dispose(unused);
      return [begun, used, unused].map(({ isReleased }) => isReleased);
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'by the texts of SQL, with what is sent beside them to the data source',
    async run({ client }) {
      const runner = client.createQueryRunner();
      await runner.query('/* by hand */ BEGIN');
      await runner.query('insert into product (id) values (1)');
      const beside = client.manager.insert(Product, { id: 2 });
      // It has come to the connection before the end, wherever that is.
      for (let left = 5; left > 0; left -= 1) await runner.query('select 1');
      await runner.query('ROLLBACK');
      await beside;
      await runner.query('start transaction');
      await runner.query('insert into product (id) values (3)');
      await runner.query('savepoint item');
      const failure = await failureOf(runner.query('insert into product (id) values (2)'));
      await runner.query('rollback to savepoint item');
      await runner.query('commit');
      await runner.manager.insert(Product, { id: 4 });
      await runner.release();
      return failure;
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'with transactions of the manager of its query runner in it, one of which fails',
    async run({ client }) {
      const runner = client.createQueryRunner();
      const { manager } = runner;
      await runner.startTransaction();
      await manager.insert(Product, { id: 1 });
      const failure = await failureOf(
        manager.transaction(async (inner) => {
          await inner.insert(Product, { id: 2 });
          await inner.transaction((deeper) => deeper.save(Product, { id: 3 }));
          throw new RangeError('sold out');
        }),
      );
      await manager.transaction((inner) => inner.insert(Product, { id: 4 }));
      await manager.save(Product, { id: 5 });
      await runner.commitTransaction();
      await runner.release();
      return { failure, count: await client.manager.count(Product) };
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'a repository from before, given to a transaction, and a manager used after its end',
    async run({ client }) {
      const repository = client.getRepository(Product);
      let kept: EntityManager | undefined;
      await client.transaction(async (manager) => {
        kept = manager;
        await manager.withRepository(repository).insert({ id: 1 });
        await manager.getRepository(Product).increment({ id: 1 }, 'stock', 5);
      });
      const failures = [
        await failureOf(kept?.insert(Product, { id: 2 }) ?? Promise.resolve()),
        await failureOf(kept?.transaction(() => Promise.resolve()) ?? Promise.resolve()),
      ];
      return { failures, found: await repository.find() };
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'a query builder and a query runner that were made before',
    async run({ client }) {
      const insert = client.createQueryBuilder().insert().into(Product).values({ id: 1, stock: 2 });
      const count = client.createQueryBuilder(Product, 'product').where('product.stock > :least', { least: 1 });
      const runner = client.createQueryRunner();
      const counts = await client.transaction(async (manager) => {
        await manager.createQueryBuilder().insert().into(Product).values({ id: 2, stock: 2 }).execute();
        await insert.setQueryRunner(manager.queryRunner ?? runner).execute();
        return [await count.setQueryRunner(manager.queryRunner ?? runner).getCount()];
      });
      counts.push(await runner.manager.count(Product));
      await runner.release();
      return counts;
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'what a queue runs that was there before the transaction',
    async run({ client }) {
      const queue = queueHere();
      const undone = client.transaction(async (manager) => {
        await manager.insert(Product, { id: 1 });
        await queue(() => manager.save(Product, { id: 2 }));
        await queue(() => manager.transaction((inner) => inner.insert(Product, { id: 3 })));
        throw new RangeError(`sold out, of ${await manager.count(Product)}`);
      });
      const failure = await failureOf(undone);
      const nested = await client.transaction(async (manager) => {
        await manager.insert(Product, { id: 4 });
        const inner = manager.transaction(async (second) => {
          await second.insert(Product, { id: 5 });
          await queue(() => second.transaction((third) => third.insert(Product, { id: 6 })));
          throw new RangeError('sold out');
        });
        await failureOf(inner);
        await queue(() => manager.transaction((second) => second.insert(Product, { id: 7 })));
        return await manager.count(Product);
      });
      return { failure, nested };
    },
  },
  {
    topic: 'extended and derived clients',
    name: 'a repository with methods of its own',
    async run({ client }) {
      const shelf = client.getRepository(Product).extend({
        async restock(id: number, by: number) {
          await this.increment({ id }, 'stock', by);
          return await this.findOneByOrFail({ id });
        },
      });
      await shelf.save({ id: 1, stock: 1 });
      const inside = await client.transaction(async (manager) => await manager.withRepository(shelf).restock(1, 2));
      return { inside, outside: await shelf.restock(1, 3) };
    },
  },
  {
    topic: 'extended and derived clients',
    name: 'a tree repository, and a query runner for the replica',
    async run({ client }) {
      const trees = client.getTreeRepository(Category);
      const ids = await client.transaction(async (manager) => {
        const tree = manager.getTreeRepository(Category);
        const root = await tree.save({ id: 1 });
        const child = await tree.save({ id: 2, parent: root });
        await tree.save({ id: 3, parent: child });
        await manager.insert(Product, { id: 1 });
        return (await tree.findDescendants(root)).map(({ id }) => id).toSorted((a, b) => a - b);
      });
      const replica = client.createQueryRunner('slave');
      const read = await client.createQueryBuilder(Product, 'product', replica).getMany();
      await replica.release();
      const whole = await trees.findTrees();
      for (const id of [3, 2, 1]) await trees.delete(id);
      return { ids, read: read.map(({ id }) => id), mode: replica.getReplicationMode(), whole };
    },
  },
];
