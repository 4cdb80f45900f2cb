// Transactions of TypeORM as its users write them.
import type { EntityManager } from 'typeorm';
import { engine } from '../../support/database.ts';
import { failureOf } from './suite.ts';
import { failureIfAny, Part, Product, seenBeside, type TypeOrmUsage } from './typeorm.ts';

const onMariadb = engine.name === 'mariadb';
const refused = { name: 'QueryFailedError', class: 'QueryFailedError', code: 'INCOMPATIBLE_TRANSACTION' };

export const transactions: readonly TypeOrmUsage[] = [
  {
    topic: 'retries',
    name: 'a loop around a transaction at REPEATABLE READ that another one has overtaken',
    async run({ client, server }) {
      await server.sql('insert into product (id) values (1)');
      let attempts = 0;
      const attempt = (): Promise<void> =>
        client.transaction('REPEATABLE READ', async (manager) => {
          attempts += 1;
          const { stock = 0 } = await manager.findOneByOrFail(Product, { id: 1 });
          if (attempts === 1) await server.sql('update product set stock = 10 where id = 1');
          await manager.update(Product, { id: 1 }, { stock: stock + 1 });
        });
      const failures: object[] = [];
      for (let left = 3; left > 0; left -= 1) {
        const failure = await failureIfAny(attempt());
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
            on: 'Isolation level in an ambient transaction',
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
      await client.getRepository(Product).insert({ id: 1 });
      const failures: object[] = [];
      for (let id = 1; ; id += 1) {
        const inserted = client.transaction((manager) => manager.insert(Product, { id, name: 'second' }));
        const failure = await failureIfAny(inserted);
        if (failure === undefined) return { failures, id };
        failures.push(failure);
      }
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'saves with their cascades, each in a transaction of its own',
    async run({ client }) {
      const failures: object[] = [];
      await client.transaction(async (manager) => {
        for (const [part, product] of [
          [1, 1],
          [2, 2],
          [2, 3],
          [3, 1],
          [4, 4],
        ] as const) {
          const saved = manager.transaction(async (inner) => {
            await inner.insert(Product, { id: product });
            await inner.insert(Part, { id: part, version: 1, product: { id: product } });
          });
          const failure = await failureIfAny(saved);
          if (failure !== undefined) failures.push(failure);
        }
      });
      const parts = await client.manager.find(Part, { order: { id: 'ASC' } });
      await client.manager.delete(
        Part,
        parts.map(({ id }) => id),
      );
      return { failures, parts: parts.map(({ id }) => id) };
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'one that succeeds in one that throws in one that goes on',
    async run({ client }) {
      class SoldOut extends Error {}
      return await client.transaction(async (manager) => {
        await manager.save(Product, { id: 1 });
        const middle = manager.transaction(async (second) => {
          await second.save(Product, { id: 2 });
          await second.transaction(async (third) => await third.save(Product, { id: 3 }));
          throw new SoldOut('sold out');
        });
        const failure = await failureOf(middle);
        await manager.save(Product, { id: 4 });
        return { failure, ids: (await manager.find(Product, { order: { id: 'ASC' } })).map(({ id }) => id) };
      });
    },
  },
  {
    topic: 'two clients in parallel',
    name: 'a transaction of each, of which one fails',
    async run({ client, another }) {
      const other = await another();
      const [kept, undone] = await Promise.allSettled([
        client.transaction(async (manager) => {
          await manager.save(Product, [{ id: 1 }, { id: 2 }]);
          return await manager.count(Product);
        }),
        other.transaction(async (manager) => {
          await manager.save(Product, { id: 3 });
          throw new RangeError('sold out');
        }),
      ]);
      return [kept.status, undone.status === 'rejected' ? (undone.reason as Error).name : undefined];
    },
  },
  {
    topic: 'two clients in parallel',
    name: 'saves by both at once',
    async run({ client, another }) {
      const other = await another();
      const saved = Array.from({ length: 10 }, (_, id) =>
        (id % 2 === 0 ? client : other).manager.save(Product, { id }),
      );
      await Promise.all(saved);
      return [await client.manager.count(Product), await other.manager.count(Product)];
    },
  },
  {
    topic: 'implicit transactions',
    name: 'a save of several of which one fails, within a transaction that goes on',
    async run({ client }) {
      return await client.transaction(async (manager) => {
        await manager.insert(Product, { id: 3, name: 'there' });
        const failure = await failureOf(
          manager.transaction((inner) =>
            inner.save(Part, [
              { id: 1, product: { id: 1 } },
              { id: 2, product: { id: 2, stock: null } },
            ] as never),
          ),
        );
        const left = [await manager.count(Product), await manager.count(Part)];
        return { failure, left };
      });
    },
  },
  {
    topic: 'implicit transactions',
    name: 'save in chunks, recover, remove, and upsert',
    async run({ client }) {
      const repository = client.getRepository(Product);
      const products = await repository.save(
        Array.from({ length: 7 }, (_, id) => ({ id })),
        { chunk: 3 },
      );
      await repository.remove(products.slice(0, 2), { chunk: 1 });
      await repository.upsert(
        [
          { id: 2, stock: 9 },
          { id: 8, stock: 8 },
        ],
        ['id'],
      );
      await repository.save({ id: 3, stock: 1 }, { transaction: false, reload: false });
      return await repository.find({ order: { id: 'ASC' } });
    },
  },
  {
    topic: 'words for independence',
    name: 'a transaction of the data source in one of the data source that fails',
    async run({ client }) {
      const outer = client.transaction(async (manager) => {
        await manager.insert(Product, { id: 1 });
        await client.transaction((independent) => independent.insert(Product, { id: 2 }));
        throw new RangeError('sold out');
      });
      const failure = await failureOf(outer);
      await client.manager.insert(Product, { id: 3 });
      return failure;
    },
    outside: {
      on: 'Another handle during a transaction',
      why: 'a transaction of the data source means the one that is ambient',
      sees: { name: 'RangeError', class: 'RangeError' },
      rows: [{ id: 3, stock: 0 }],
    },
    inside: {
      on: 'Another handle during a transaction',
      why: 'a transaction of the data source means the one that is ambient',
      sees: { name: 'RangeError', class: 'RangeError' },
      rows: [{ id: 3, stock: 0 }],
    },
  },
  {
    topic: 'promises of commit',
    name: 'others see what a transaction and a save have written as soon as they resolve',
    async run({ client, server }) {
      const seen: number[] = [];
      await client.transaction(async (manager) => {
        await manager.insert(Product, { id: 1 });
        seen.push(await seenBeside(server));
      });
      seen.push(await seenBeside(server));
      await client.manager.save(Product, { id: 2 });
      seen.push(await seenBeside(server));
      const runner = client.createQueryRunner();
      await runner.startTransaction();
      await runner.manager.save(Product, { id: 3 });
      await runner.commitTransaction();
      seen.push(await seenBeside(server));
      await runner.release();
      return seen;
    },
    inside: {
      on: 'Commit in an ambient transaction',
      why: 'what has ended inside is a savepoint: the ambient transaction is what commits',
      sees: [0, 0, 0, 0],
    },
  },
  {
    topic: 'promises of commit',
    name: 'a function that returns although one of its statements has failed',
    async run({ client }) {
      const add = async (manager: EntityManager): Promise<string> => {
        await manager.insert(Product, { id: 1 });
        await failureOf(manager.insert(Product, { id: 1 }));
        return 'returned';
      };
      const codeOf = ({ code }: Error & { code?: unknown }): unknown => code;
      const answers = [await client.transaction(add).catch(codeOf)];
      await client.manager.delete(Product, { id: 1 });
      const runner = client.createQueryRunner();
      await runner.startTransaction();
      await add(runner.manager);
      answers.push(await runner.commitTransaction().then(() => 'committed', codeOf));
      if (runner.isTransactionActive) await runner.rollbackTransaction();
      await runner.release();
      await client.manager.insert(Product, { id: 2 });
      return [answers, await client.manager.count(Product)];
    },
    ...(onMariadb
      ? {}
      : {
          outside: {
            on: 'A failed statement whose error is caught',
            why: 'the server has rolled back',
            sees: [['UNEXPECTED_ROLLBACK', 'committed'], 1],
          },
          inside: {
            on: 'A failed statement whose error is caught',
            why: 'the server has rolled back',
            sees: [['UNEXPECTED_ROLLBACK', 'UNEXPECTED_ROLLBACK'], 1],
          },
        }),
  },
];
